import type { Clock } from '../../common/runtime/clock.js';

/** What came earlier counts less, by a factor e over so much busy time, ms. */
const MEMORY_MS = 4_000;
/** Less than this tells nothing, ms. */
const LEAST_MS = 100;

/** How fast bytes move while somebody moves them: pauses count neither for nor against. */
export class BusyRate {
  readonly #clock: Clock;
  #workers = 0;
  #lookedAt = 0;
  #bytes = 0;
  #busyMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody begins; `end` when he is done. */
  begin(): void {
    if (this.#workers === 0) this.#lookedAt = this.#clock.monotonic();
    this.#workers += 1;
  }

  end(): void {
    this.#pass();
    this.#workers -= 1;
  }

  add(bytes: number): void {
    this.#pass();
    this.#bytes += bytes;
  }

  /** Of all together; 0 while unknown. */
  get bytesPerSecond(): number {
    this.#pass();
    return this.#busyMs < LEAST_MS ? 0 : (this.#bytes * 1_000) / this.#busyMs;
  }

  #pass(): void {
    if (this.#workers === 0) return;
    const now = this.#clock.monotonic();
    const ms = now - this.#lookedAt;
    const kept = Math.exp(-ms / MEMORY_MS);
    this.#bytes *= kept;
    this.#busyMs = this.#busyMs * kept + ms;
    this.#lookedAt = now;
  }
}
