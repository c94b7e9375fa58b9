import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';

/** Bytes may leave so far ahead of the rate, ms: timers are no finer, and a flow that stops at each piece falls behind. */
const AHEAD_MS = 50;
/** Pieces larger than the bytes of this time, ms, would make the flow jump. */
const PIECE_MS = 50;
const LEAST_PIECE_BYTES = 1_024;

export interface TakeOptions extends AbortOptions {
  /** Who waits: owners go in turn, however much each of them asks for. */
  readonly owner: string;
}

interface Waiter {
  readonly bytes: number;
  readonly resolve: () => void;
}

/**
 * Limits a rate, fairly between owners: each gets one piece in its turn. The rate may be changed while pieces wait. Who waits is bounded
 * by the places and sessions that take from it, each with one piece at a time.
 */
export class FairRate {
  readonly #clock: Clock;
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Waiter[]>();
  #bytesPerSecond: number | undefined;
  #paidUntil = 0;
  #timer: Timer | undefined;

  /** `bytesPerSecond` undefined: no limit. @throws {RangeError} when it is not positive. */
  constructor(clock: Clock, bytesPerSecond?: number) {
    this.#clock = clock;
    this.bytesPerSecond = bytesPerSecond;
  }

  get bytesPerSecond(): number | undefined {
    return this.#bytesPerSecond;
  }

  /** What has left already is paid at the new rate. */
  set bytesPerSecond(rate: number | undefined) {
    if (rate !== undefined && !(rate > 0))
      throw new RangeError(`a rate limit must be more than 0 bytes a second, not ${rate}`);
    const before = this.#bytesPerSecond;
    if (rate === before) return;
    const now = this.#clock.monotonic();
    const owed = before === undefined ? 0 : Math.max(0, this.#paidUntil - now) * before;
    this.#bytesPerSecond = rate;
    this.#paidUntil = rate === undefined ? 0 : now + owed / rate;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#serve();
  }

  get pieceBytes(): number {
    const rate = this.#bytesPerSecond;
    return rate === undefined ? Infinity : Math.max(LEAST_PIECE_BYTES, Math.floor((rate * PIECE_MS) / 1_000));
  }

  /** Undefined when `bytes` may move now; else resolves when they may, and rejects with `signal.reason` when aborted before. */
  take(bytes: number, { owner, signal }: TakeOptions): Promise<void> | undefined {
    if (this.#bytesPerSecond === undefined) return undefined;
    if (this.#waiting.size === 0 && this.#waitMs <= 0) {
      this.#pay(bytes);
      return undefined;
    }
    return this.#wait(bytes, owner, signal);
  }

  async #wait(bytes: number, owner: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { bytes, resolve };
    const line = this.#waiting.get(owner);
    if (line === undefined) this.#waiting.set(owner, [waiter]);
    else line.push(waiter);
    this.#plan();
    const onAbort = (): void => {
      this.#leave(owner, waiter);
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  get #waitMs(): number {
    return this.#bytesPerSecond === undefined ? 0 : this.#paidUntil - AHEAD_MS - this.#clock.monotonic();
  }

  #pay(bytes: number): void {
    if (this.#bytesPerSecond === undefined) return;
    this.#paidUntil = Math.max(this.#paidUntil, this.#clock.monotonic()) + (bytes * 1_000) / this.#bytesPerSecond;
  }

  #serve(): void {
    while (this.#waitMs <= 0) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const [owner, line] = next;
      const waiter = line.shift();
      this.#waiting.delete(owner);
      if (line.length > 0) this.#waiting.set(owner, line); // behind all others
      if (waiter === undefined) continue;
      this.#pay(waiter.bytes);
      waiter.resolve();
    }
    this.#plan();
  }

  #plan(): void {
    if (this.#waiting.size === 0 || this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimer(
      () => {
        this.#timer = undefined;
        this.#serve();
      },
      Math.max(0, this.#waitMs),
    );
    this.#timer.unref();
  }

  #leave(owner: string, waiter: Waiter): void {
    const line = this.#waiting.get(owner) ?? [];
    const index = line.indexOf(waiter);
    if (index >= 0) line.splice(index, 1);
    if (line.length === 0) this.#waiting.delete(owner);
  }
}
