import { once } from 'node:events';

import { expect } from 'chai';
import fc from 'fast-check';

import { steadyClock, systemClock, VirtualClock } from '../../common/runtime/clock.js';

describe('VirtualClock', () => {
  it('runs due timers in the order they fall due, at their own time', () => {
    const clock = new VirtualClock();
    const ran: [string, number][] = [];
    clock.setTimer(() => ran.push(['late', clock.monotonic()]), 20);
    clock.setTimer(() => ran.push(['early', clock.monotonic()]), 10);
    clock.setTimer(() => ran.push(['never', clock.monotonic()]), 31);

    clock.advance(30);

    expect(ran).to.deep.equal([
      ['early', 10],
      ['late', 20],
    ]);
    expect(clock.pendingTimers).to.equal(1);
  });

  it('runs a timer that another timer set, within the same advance', () => {
    const clock = new VirtualClock();
    const ranAt: number[] = [];
    clock.setTimer(() => clock.setTimer(() => ranAt.push(clock.monotonic()), 5), 5);

    clock.advance(10);

    expect(ranAt).to.deep.equal([10]);
  });

  it('does not run a cancelled timer', () => {
    const clock = new VirtualClock();
    const timer = clock.setTimer(() => expect.fail('it ran'), 1);

    timer.cancel();
    clock.advance(2);

    expect(clock.pendingTimers).to.equal(0);
  });

  it('moves no timer and no monotonic time when the wall clock jumps', () => {
    const clock = new VirtualClock(1_000);
    clock.setTimer(() => expect.fail('it ran'), 10);

    clock.jumpWall(86_400_000);

    expect(clock.now()).to.equal(86_401_000);
    expect(clock.monotonic()).to.equal(0);
  });

  it('lets promises settle between timers when advanced asynchronously', async () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const repeat = async (): Promise<void> => {
      for (let turn = 0; turn < 3; turn += 1) {
        await new Promise<void>((resolve) => clock.setTimer(resolve, 10));
        seen.push(clock.monotonic());
      }
    };
    const done = repeat();

    await clock.advanceAsync(30);

    await done;
    expect(seen).to.deep.equal([10, 20, 30]);
  });

  it('never runs a timer early, late or out of order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100)), fc.array(fc.nat(40)), (delays, steps) => {
        const clock = new VirtualClock();
        const ranAt: number[] = [];
        const end = steps.reduce((sum, step) => sum + step, 0);
        for (const delay of delays) {
          clock.setTimer(() => {
            expect(clock.monotonic()).to.equal(delay);
            ranAt.push(delay);
          }, delay);
        }

        for (const step of steps) clock.advance(step);

        // With no step at all nothing has been advanced to, not even to now.
        const due = steps.length === 0 ? [] : delays.filter((delay) => delay <= end);
        expect(ranAt).to.deep.equal(due.toSorted((a, b) => a - b));
      }),
    );
  });
});

describe('systemClock', () => {
  it('fires after the time asked for, measured on its own monotonic clock', async () => {
    const start = systemClock.monotonic();

    await new Promise<void>((resolve) => systemClock.setTimer(resolve, 30));

    expect(systemClock.monotonic() - start).to.be.at.least(29);
  });

  it('waits for a time beyond 2^31 ms instead of firing at once', async () => {
    let hasFired = false;
    const timer = systemClock.setTimer(
      () => {
        hasFired = true;
      },
      2 ** 31 + 1_000,
    );

    await once(AbortSignal.timeout(20), 'abort');

    timer.cancel();
    expect(hasFired).to.equal(false);
  });
});

describe('steadyClock', () => {
  it('shows the time of its clock while that one does not jump', () => {
    const clock = new VirtualClock(1_000);
    const steady = steadyClock(clock);

    clock.advance(500);

    expect(steady.now()).to.equal(1_500);
  });

  for (const hours of [1, -1, 24, -24]) {
    it(`neither jumps nor goes back when the wall clock is set by ${hours} h, and comes to the same time later`, () => {
      const clock = new VirtualClock();
      const steady = steadyClock(clock);
      let before = steady.now();
      clock.jumpWall(hours * 3_600_000);

      expect(steady.now()).to.equal(before);
      for (let minute = 0; minute < Math.abs(hours) * 120; minute += 1) {
        clock.advance(60_000);
        const now = steady.now();
        expect(now - before).to.be.within(30_000, 90_000);
        before = now;
      }
      expect(steady.now()).to.equal(clock.now());
    });
  }
});
