import { setTimeout as pause } from 'node:timers/promises';

/** Time lost to late timers is made up for, up to this much: so the long-run rate is exact and bursts stay small. */
const CATCH_UP_MS = 100;

/** A piece is at most this much time of the rate, so that several users of one limit take turns. */
const PIECE_MS = 10;
const SMALLEST_PIECE = 512;
const LARGEST_PIECE = 64 * 1024;

/** A limit in bytes per second that several streams may share; first come, first served. */
export class RateLimit {
  readonly #bytesPerSecond: number;
  /** When everything granted so far is through, on the monotonic clock. */
  #busyUntilMs = performance.now();

  constructor(bytesPerSecond: number) {
    if (!(bytesPerSecond > 0)) throw new RangeError(`a rate must be above 0 bytes a second, not ${bytesPerSecond}`);
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Largest number of bytes to `take` at once for an even flow. */
  get pieceBytes(): number {
    const even = Math.floor((this.#bytesPerSecond * PIECE_MS) / 1000);
    return Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, even));
  }

  /** Waits until `bytes` more may have passed. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs - CATCH_UP_MS) + (bytes * 1000) / this.#bytesPerSecond;
    const waitMs = this.#busyUntilMs - nowMs;
    if (waitMs >= 1) await pause(waitMs, undefined, { signal });
  }
}
