import { type Clock, systemClock } from '../../common/runtime/clock.js';

/** Time itself, ten times as fast: for tests in which a program waits before it gives up, and nothing else depends on time. */
export const hastyClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * 10,
  setTimer: (fn, ms) => systemClock.setTimer(fn, ms / 10),
};
