/** What a program wrote in one go, as far as the terminal could see. */
export interface OutputChunk {
  /** Milliseconds since the terminal was opened. */
  readonly atMs: number;
  readonly bytes: Buffer;
}

/** Everything a program wrote to its terminal, with times. Searches see across the borders of chunks. */
export class TerminalRecording {
  readonly #openedAt = performance.now();
  readonly #chunks: OutputChunk[] = [];
  /** One character a byte, so that positions in the text are positions in the bytes. */
  #text = '';

  get chunks(): readonly OutputChunk[] {
    return this.#chunks;
  }

  /** All output, one character a byte: escapes can be searched, other letters than ASCII appear as their UTF-8 bytes. */
  get text(): string {
    return this.#text;
  }

  get nowMs(): number {
    return performance.now() - this.#openedAt;
  }

  push(bytes: Buffer): void {
    this.#chunks.push({ atMs: this.nowMs, bytes });
    this.#text += bytes.toString('latin1');
  }

  /** When each occurrence began to arrive, in ms since the terminal was opened. Escapes are easiest as plain strings. */
  timesOf(wanted: RegExp | string): number[] {
    const pattern = typeof wanted === 'string' ? new RegExp(RegExp.escape(wanted)) : wanted;
    const global = new RegExp(pattern.source, [...new Set(`${pattern.flags}g`)].join(''));
    return [...this.#text.matchAll(global)].map((match) => this.#timeAt(match.index));
  }

  /** When the program wrote; writes less than `gapMs` apart count as one, since a big one arrives in pieces. */
  writeTimes(gapMs = 5): number[] {
    const times = this.#chunks.map((chunk) => chunk.atMs);
    return times.filter((time, index) => index === 0 || time - (times[index - 1] ?? 0) >= gapMs);
  }

  #timeAt(position: number): number {
    let end = 0;
    for (const chunk of this.#chunks) {
      end += chunk.bytes.length;
      if (position < end) return chunk.atMs;
    }
    throw new RangeError(`only ${end} bytes were recorded, not ${position}`);
  }
}

/** Ten redraws a second are meant; a busy machine passes some on in bunches. The exact pace: `test/tui/changes.test.ts`. */
export const MOST_REDRAWS_SEEN_IN_ONE_SECOND = 12;

/** The largest number of `times` (ms, ascending) that fall within one second. */
export function mostInOneSecond(times: readonly number[]): number {
  let first = 0;
  let most = 0;
  for (const [index, time] of times.entries()) {
    while (time - (times[first] ?? time) >= 1000) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
