import { type Clock, systemClock } from '../../common/runtime/clock.js';

export interface Coalesced {
  /** Something changed: `run` follows, at once when the last run is long enough ago, else when it is. */
  poke(): void;
  stop(): void;
}

/** Runs `run` after every `poke()`, but at most once in `intervalMs`; pokes in between fall together into one run at the end. */
export function coalesce(run: () => void, intervalMs: number, clock: Clock = systemClock): Coalesced {
  let lastAt = -Infinity;
  let cancel: (() => void) | undefined;
  const fire = (): void => {
    cancel = undefined;
    lastAt = clock.monotonic();
    run();
  };
  return {
    poke() {
      if (cancel !== undefined) return;
      const waitMs = lastAt + intervalMs - clock.monotonic();
      if (waitMs <= 0) return fire();
      const timer = clock.setTimer(fire, waitMs);
      timer.unref();
      cancel = () => timer.cancel();
    },
    stop() {
      cancel?.();
      cancel = () => undefined; // later pokes find a run that never comes
    },
  };
}
