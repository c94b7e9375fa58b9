import type { Clock, Timer } from '../../common/runtime/clock.js';

const SECOND_MS = 1_000;

/** Tells the time that is left, in ms, at once and then every second; the last time it is 0. */
export class Countdown {
  #timer: Timer | undefined;
  #endsAt = 0;

  constructor(
    private readonly clock: Clock,
    private readonly onSecond: (leftMs: number) => void,
  ) {}

  start(ms: number): void {
    this.cancel();
    this.#endsAt = this.clock.monotonic() + ms;
    this.#tell();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tell(): void {
    const leftMs = Math.max(0, this.#endsAt - this.clock.monotonic());
    if (leftMs > 0) this.#timer = this.clock.setTimer(() => this.#tell(), leftMs % SECOND_MS || SECOND_MS);
    this.onSecond(leftMs);
  }
}
