import { expect } from 'chai';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { Presence } from '../../tracker/registry/presence.js';

/** A clock whose timers run late, as those of a process that was stopped. */
class StallingClock implements Clock {
  time = 0;
  readonly #timers: { readonly at: number; readonly fn: () => void }[] = [];
  now(): number {
    return this.time;
  }
  monotonic(): number {
    return this.time;
  }
  setTimer(fn: () => void, ms: number): Timer {
    this.#timers.push({ at: this.time + ms, fn });
    return { cancel: () => undefined, unref: () => undefined };
  }
  /** Time passes, but no timer runs. */
  stall(ms: number): void {
    this.time += ms;
  }
  run(ms: number): void {
    for (let passed = 0; passed < ms; passed += 50) {
      this.time += 50;
      for (const timer of this.#timers.splice(0)) {
        if (timer.at <= this.time) timer.fn();
        else this.#timers.push(timer);
      }
    }
  }
}

describe('presence', () => {
  for (const stallMs of [1_000, 4_000, 10_000]) {
    it(`evicts nobody after the tracker itself was stopped for ${stallMs} ms, until it has read what waits`, () => {
      const clock = new StallingClock();
      const presence = new Presence(clock);
      clock.run(1_000);
      const lastSeenAt = clock.time - 1_900;

      clock.stall(stallMs);

      expect(presence.isExpired(lastSeenAt, 2_000)).to.equal(false);
      clock.run(stallMs);
      expect(presence.isExpired(lastSeenAt, 2_000)).to.equal(false);
      clock.run(6_000);
      expect(presence.isExpired(lastSeenAt, 2_000)).to.equal(true);
    });
  }

  it('judges at once when the loop runs as it should', () => {
    const clock = new StallingClock();
    const presence = new Presence(clock);
    clock.run(6_000);
    expect(presence.isExpired(0, 2_000)).to.equal(false);
    clock.run(50);
    expect(presence.isExpired(0, 2_000)).to.equal(true);
  });
});
