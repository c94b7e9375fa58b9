/** Which sequence numbers have been seen: all above the highest are new, those far below it count as seen. */

/** How far behind the highest a number may be, see docs/protocol.md "Data". A power of two. */
export const REPLAY_WINDOW = 2_048;

export class ReplayWindow {
  /** One bit for each of the REPLAY_WINDOW numbers behind the highest, at its remainder; the highest itself needs none. */
  readonly #seen = new Uint32Array(REPLAY_WINDOW / 32);
  #highest = 0;

  /** `seq`: a safe integer. 0 is never new. */
  isNew(seq: number): boolean {
    if (seq > this.#highest) return true;
    if (seq === this.#highest || seq < 1 || this.#highest - seq > REPLAY_WINDOW) return false;
    const bit = seq % REPLAY_WINDOW;
    return ((this.#seen[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0;
  }

  /** Marks a number that `isNew` and has been verified. */
  note(seq: number): void {
    if (seq < this.#highest) {
      this.#mark(seq);
      return;
    }
    const step = seq - this.#highest;
    if (step > REPLAY_WINDOW) this.#seen.fill(0);
    else {
      for (let between = this.#highest + 1; between < seq; between += 1) this.#clear(between);
      this.#mark(this.#highest);
    }
    this.#highest = seq;
  }

  #mark(seq: number): void {
    const word = remainder(seq) >>> 5;
    this.#seen[word] = (this.#seen[word] ?? 0) | (1 << (remainder(seq) & 31));
  }

  #clear(seq: number): void {
    const word = remainder(seq) >>> 5;
    this.#seen[word] = (this.#seen[word] ?? 0) & ~(1 << (remainder(seq) & 31));
  }
}

/** Not `&` on the number itself: that works on 32 bits, and these have 53. */
function remainder(seq: number): number {
  return seq % REPLAY_WINDOW;
}
