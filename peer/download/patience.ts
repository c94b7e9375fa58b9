import type { Clock, Timer } from '../../common/runtime/clock.js';

const LEAST_MS = 200;
const MOST_MS = 5_000;
/** Then the source is asked for anything, for so many times as long: a slow one among the others costs us a fifth at most. */
const TIMES_OVER = 4;

/**
 * How long a source is left to the other downloaders, after all that was ours to bring has come from it: what they bring need not be asked
 * for twice. It ends after the time of one answer, since others are about as fast as we are, and one of them may be slow or dead.
 */
export class Patience {
  #answerMs = 0;
  #timer: Timer | undefined;
  #overUntil = 0;

  constructor(
    private readonly clock: Clock,
    private readonly onOver: () => void,
  ) {}

  get isOver(): boolean {
    return this.clock.monotonic() < this.#overUntil;
  }

  /** The source took so long for an answer, its queue included. */
  learn(answerMs: number): void {
    this.#answerMs = answerMs;
  }

  /** There is nothing to ask the source for but what others bring. */
  begin(): void {
    if (this.#timer !== undefined || this.isOver) return;
    const ms = Math.min(MOST_MS, Math.max(LEAST_MS, this.#answerMs));
    this.#timer = this.clock.setTimer(() => {
      this.#timer = undefined;
      this.#overUntil = this.clock.monotonic() + TIMES_OVER * ms;
      this.onOver();
    }, ms);
  }

  /** The source has something for us again, or is gone. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
