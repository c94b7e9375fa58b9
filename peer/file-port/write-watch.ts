import type { Clock, Timer } from '../../common/runtime/clock.js';

/** The time over which a reader must keep up, ms: nothing in it is a stall. */
const WINDOW_MS = 30_000;
/** Least that a reader must take, bytes a second: below it holds a place that others wait for. */
const LEAST_BYTES_PER_SECOND = 4 * 1024;

/** Watches what was written and not taken yet; tells once when the other end is too slow to be worth its place. */
export class WriteWatch {
  #pending = 0;
  #takenInWindow = 0;
  #wasIdle = false;
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly onStall: (error: Error) => void,
  ) {}

  began(bytes: number): void {
    this.#pending += bytes;
    if (this.#timer === undefined) this.#startWindow();
  }

  ended(bytes: number): void {
    this.#pending -= bytes;
    this.#takenInWindow += bytes;
    if (this.#pending === 0) this.#wasIdle = true;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Windows follow one another while there is something to send; one in which the reader had taken everything never counts. */
  #startWindow(): void {
    this.#takenInWindow = 0;
    this.#wasIdle = false;
    this.#timer = this.clock.setTimer(() => this.#judge(), WINDOW_MS);
    this.#timer.unref();
  }

  #judge(): void {
    this.#timer = undefined;
    if (this.#pending === 0) return;
    if (!this.#wasIdle && this.#takenInWindow < (LEAST_BYTES_PER_SECOND * WINDOW_MS) / 1_000) {
      this.onStall(
        new Error(`the other end took less than ${LEAST_BYTES_PER_SECOND} bytes a second for ${WINDOW_MS / 1_000} s`),
      );
      return;
    }
    this.#startWindow();
  }
}
