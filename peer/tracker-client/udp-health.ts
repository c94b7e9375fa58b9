/** Whether UDP to the tracker works: proven by an answered heartbeat, doubted after a silence, tried again after a while. */
import type { Clock } from '../../common/runtime/clock.js';

/** UDP that did not work is tried again after this, ms. */
const RETRY_MS = 60_000;

export class UdpHealth {
  readonly #clock: Clock;
  #isProven = false;
  #failedAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It has worked in this program's life. */
  get isProven(): boolean {
    return this.#isProven;
  }
  /** It has worked, and nothing says that it stopped. */
  get isKeeping(): boolean {
    return this.#isProven && this.#failedAt === undefined;
  }
  /** Worth a try. */
  get mayTry(): boolean {
    return this.#failedAt === undefined || this.#clock.monotonic() - this.#failedAt > RETRY_MS;
  }

  worked(): void {
    this.#isProven = true;
    this.#failedAt = undefined;
  }

  /** What was wrong was the node, and this is another one. */
  renewed(): void {
    this.#failedAt = undefined;
  }

  failed(): void {
    this.#failedAt = this.#clock.monotonic();
  }
}
