import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { type AbortOptions, sleep } from '../../common/runtime/deadline.js';

/** Limits a rate: each piece waits for the ones before it. First come, first served; no credit is saved up while idle. */
export class TokenBucket {
  #freeAt = 0;

  /** `bytesPerSecond` undefined: no limit. @throws {RangeError} when it is not positive. */
  constructor(
    readonly bytesPerSecond: number | undefined,
    private readonly clock: Clock = systemClock,
  ) {
    if (bytesPerSecond !== undefined && !(bytesPerSecond > 0)) {
      throw new RangeError(`a rate limit must be more than 0 bytes a second, not ${bytesPerSecond}`);
    }
  }

  /** Resolves when `bytes` may leave. Rejects with `signal.reason` when aborted before. */
  async take(bytes: number, { signal }: AbortOptions): Promise<void> {
    if (this.bytesPerSecond === undefined) return;
    const now = this.clock.monotonic();
    const startAt = Math.max(now, this.#freeAt);
    this.#freeAt = startAt + (bytes * 1_000) / this.bytesPerSecond;
    if (this.#freeAt > now) await sleep(this.#freeAt - now, { signal, clock: this.clock });
  }

  /** Pieces larger than this would make the flow jump: a twentieth of a second's bytes. */
  get pieceBytes(): number {
    return this.bytesPerSecond === undefined ? Infinity : Math.max(1_024, Math.floor(this.bytesPerSecond / 20));
  }
}
