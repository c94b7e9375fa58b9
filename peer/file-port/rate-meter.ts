import { type Clock, systemClock } from '../../common/runtime/clock.js';

/** A rate is measured over this time, ms: long enough to stand still on a screen, short enough to show a stall. */
const WINDOW_MS = 4_000;
const SLOTS = 16;
const SLOT_MS = WINDOW_MS / SLOTS;
/** Below this a rate is a guess, ms. */
const LEAST_MS = 250;

/** Counts bytes and tells how fast they came lately. */
export class RateMeter {
  readonly #bytes = new Float64Array(SLOTS);
  readonly #clock: Clock;
  #slot: number;
  readonly #startedAt: number;
  #total = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
    this.#slot = Math.floor(this.#startedAt / SLOT_MS);
  }

  /** All bytes so far. */
  get total(): number {
    return this.#total;
  }

  add(bytes: number): void {
    this.#advance();
    this.#total += bytes;
    this.#bytes[this.#slot % SLOTS] = (this.#bytes[this.#slot % SLOTS] ?? 0) + bytes;
  }

  get bytesPerSecond(): number {
    this.#advance();
    let sum = 0;
    for (const bytes of this.#bytes) sum += bytes;
    const now = this.#clock.monotonic();
    // The newest slot has only just begun: the window is the full older ones and what has passed of this one.
    const windowMs = WINDOW_MS - SLOT_MS + (now - this.#slot * SLOT_MS);
    return Math.round((sum * 1_000) / Math.max(LEAST_MS, Math.min(windowMs, now - this.#startedAt)));
  }

  #advance(): void {
    const slot = Math.floor(this.#clock.monotonic() / SLOT_MS);
    const steps = Math.min(SLOTS, slot - this.#slot);
    for (let step = 1; step <= steps; step += 1) this.#bytes[(this.#slot + step) % SLOTS] = 0;
    if (steps === SLOTS) this.#bytes.fill(0);
    this.#slot = slot;
  }
}
