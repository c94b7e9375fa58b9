import type { Clock, Timer } from '../../common/runtime/clock.js';

/** A reader that takes nothing for this long has stalled, ms. */
const STALL_MS = 30_000;
/** Least that a reader must take over that time, bytes a second: below it holds a place that others wait for. */
const LEAST_BYTES_PER_SECOND = 4 * 1024;
const LEAST_BYTES = (LEAST_BYTES_PER_SECOND * STALL_MS) / 1_000;

/** Watches what was written and not taken yet; tells once when the other end is too slow to be worth its place. */
export class WriteWatch {
  #pending = 0;
  #takenInWindow = 0;
  #windowFrom = 0;
  #lastTakenAt = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly onStall: (error: Error) => void,
  ) {}

  began(bytes: number): void {
    if (this.#pending === 0) this.#restart();
    this.#pending += bytes;
    this.#timer ??= this.#plan(STALL_MS);
  }

  ended(bytes: number): void {
    this.#pending -= bytes;
    this.#takenInWindow += bytes;
    this.#lastTakenAt = this.clock.monotonic();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A reader that had taken everything starts anew: the time before was ours. */
  #restart(): void {
    this.#windowFrom = this.clock.monotonic();
    this.#lastTakenAt = this.#windowFrom;
    this.#takenInWindow = 0;
  }

  #plan(ms: number): Timer {
    const timer = this.clock.setTimer(() => this.#judge(), ms);
    timer.unref();
    return timer;
  }

  #judge(): void {
    this.#timer = undefined;
    if (this.#pending === 0) return;
    const now = this.clock.monotonic();
    const isWindowOver = now - this.#windowFrom >= STALL_MS;
    if (now - this.#lastTakenAt >= STALL_MS || (isWindowOver && this.#takenInWindow < LEAST_BYTES)) {
      this.onStall(
        new Error(`the other end took less than ${LEAST_BYTES_PER_SECOND} bytes a second for ${STALL_MS / 1_000} s`),
      );
      return;
    }
    if (isWindowOver) {
      this.#windowFrom = now;
      this.#takenInWindow = 0;
    }
    this.#timer = this.#plan(Math.min(this.#windowFrom, this.#lastTakenAt) + STALL_MS - now);
  }
}
