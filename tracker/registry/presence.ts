/**
 * Whether a peer that was last heard of some time ago still counts as active. Judged when somebody asks, never by a timer alone.
 * A tracker that was stopped itself (suspended, overloaded) has unread heartbeats waiting: it must read them before it judges.
 */
import { MISSED_INTERVALS } from '../../common/protocol/limits.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Part } from '../../common/runtime/lifecycle.js';

/** How often the event loop shows that it runs. */
const TICK_MS = 100;
/** A loop that is late by more than this was stopped. */
export const MAX_LAG_MS = 200;
/** After a stop: time to read everything that waits in the sockets. */
const DRAIN_MS = 500;

export class Presence implements Part {
  #timer: Timer | undefined;
  #tickedAt: number;
  #holdUntil = 0;

  constructor(private readonly clock: Clock) {
    this.#tickedAt = clock.monotonic();
    this.#plan();
  }

  /** True when more than `MISSED_INTERVALS` intervals have passed since `lastSeenAt` (monotonic ms), and that can be judged. */
  isExpired(lastSeenAt: number, heartbeatMs: number): boolean {
    const now = this.clock.monotonic();
    this.#look(now);
    return now - lastSeenAt > MISSED_INTERVALS * heartbeatMs && now >= this.#holdUntil;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #plan(): void {
    this.#timer = this.clock.setTimer(() => {
      this.#look(this.clock.monotonic());
      this.#plan();
    }, TICK_MS);
    this.#timer.unref();
  }

  /** Also asked by `isExpired`: the first one after a stop may come before the timer does. */
  #look(now: number): void {
    const lagMs = now - this.#tickedAt - TICK_MS;
    if (lagMs > MAX_LAG_MS) this.#holdUntil = Math.max(this.#holdUntil, now + lagMs + DRAIN_MS);
    this.#tickedAt = now;
  }
}
