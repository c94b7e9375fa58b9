/** Which sequence numbers have been seen: all above the highest are new, those far below it count as seen. */

/** How far behind the highest a number may be, see docs/protocol.md "Data". A power of two. */
export const REPLAY_WINDOW = 2_048;

export class ReplayWindow {
  /**
   * One bit for each of the REPLAY_WINDOW numbers behind the highest, at its remainder; the highest itself needs none. Absent while all
   * numbers from 1 on came one after the other, as they mostly do: a tracker has a window for each of very many sessions.
   */
  #seen: Uint32Array | undefined;
  #highest = 0;

  /** `seq`: a safe integer. 0 is never new. */
  isNew(seq: number): boolean {
    if (seq > this.#highest) return true;
    if (seq === this.#highest || seq < 1 || this.#highest - seq > REPLAY_WINDOW) return false;
    if (this.#seen === undefined) return false;
    const bit = seq % REPLAY_WINDOW;
    return ((this.#seen[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0;
  }

  /** Marks a number that `isNew` and has been verified. */
  note(seq: number): void {
    if (this.#seen === undefined && seq === this.#highest + 1) this.#highest = seq;
    else {
      this.#seen ??= this.#allSeen();
      this.#noteBit(seq, this.#seen);
    }
  }

  #noteBit(seq: number, seen: Uint32Array): void {
    if (seq < this.#highest) mark(seen, seq);
    else if (seq - this.#highest > REPLAY_WINDOW) seen.fill(0);
    else {
      for (let between = this.#highest + 1; between < seq; between += 1) clear(seen, between);
      mark(seen, this.#highest);
    }
    this.#highest = Math.max(this.#highest, seq);
  }

  /** The bits of what came without a gap. */
  #allSeen(): Uint32Array {
    const seen = new Uint32Array(REPLAY_WINDOW / 32);
    for (let seq = Math.max(1, this.#highest - REPLAY_WINDOW); seq < this.#highest; seq += 1) mark(seen, seq);
    return seen;
  }
}

function mark(seen: Uint32Array, seq: number): void {
  const bit = remainder(seq);
  seen[bit >>> 5] = (seen[bit >>> 5] ?? 0) | (1 << (bit & 31));
}

function clear(seen: Uint32Array, seq: number): void {
  const bit = remainder(seq);
  seen[bit >>> 5] = (seen[bit >>> 5] ?? 0) & ~(1 << (bit & 31));
}

/** Not `&` on the number itself: that works on 32 bits, and these have 53. */
function remainder(seq: number): number {
  return seq % REPLAY_WINDOW;
}
