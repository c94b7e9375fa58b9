import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { coalesce } from '../../peer/daemon/coalesce.js';

describe('coalesce', () => {
  it('runs at once, then once an interval however often it is poked', () => {
    const clock = new VirtualClock();
    const runs: number[] = [];
    const { poke } = coalesce(() => runs.push(clock.monotonic()), 100, clock);

    for (let ms = 0; ms < 250; ms += 10) {
      poke();
      clock.advance(10);
    }
    clock.advance(1_000);

    expect(runs).to.deep.equal([0, 100, 200, 300]);
  });

  it('never runs after it was stopped, and leaves no timer', () => {
    const clock = new VirtualClock();
    let runs = 0;
    const { poke, stop } = coalesce(
      () => {
        runs += 1;
      },
      100,
      clock,
    );
    poke();
    poke();

    stop();
    poke();
    clock.advance(1_000);

    expect(runs).to.equal(1);
    expect(clock.pendingTimers).to.equal(0);
  });
});
