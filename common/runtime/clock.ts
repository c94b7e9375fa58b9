/** A timer that has been set; `cancel()` may be called at any time, also after it ran. */
export interface Timer {
  cancel(): void;
  /** Lets the process end although this timer is still waiting. */
  unref(): void;
}

/** The only source of time: parts take one of these, so that a test can turn the hands itself. */
export interface Clock {
  /** Wall clock in ms since the epoch. It may jump: show it and store it, never measure with it. */
  now(): number;
  /** Milliseconds since some fixed moment; never jumps, never goes back. */
  monotonic(): number;
  /** Calls `fn` once, `ms` milliseconds from now (0 or less: as soon as possible). */
  setTimer(fn: () => void, ms: number): Timer;
}

/** Node fires a longer `setTimeout` at once (its delay is a signed 32-bit number), so longer waits go in steps. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(fn, ms) {
    let timer: NodeJS.Timeout;
    let isReferenced = true;
    const arm = (restMs: number): void => {
      const stepMs = Math.min(restMs, MAX_TIMEOUT_MS);
      timer = setTimeout(() => (restMs > stepMs ? arm(restMs - stepMs) : fn()), stepMs);
      if (!isReferenced) timer.unref();
    };
    arm(ms);
    return {
      cancel: () => clearTimeout(timer),
      unref: () => {
        isReferenced = false;
        timer.unref();
      },
    };
  },
};

/** How much faster or slower than time itself a steady clock may run. */
const SLEW = 0.5;

/**
 * `clock` with a wall clock that never jumps and never goes back: it follows the other one by running up to half as fast again, or half
 * as fast. For a program that judges by times it has given out: set back by an hour, a wall clock would make what was issued before a
 * revocation look as if it came after it.
 */
export function steadyClock(clock: Clock): Clock {
  let shownMs = clock.now();
  let seenMs = clock.monotonic();
  return {
    now() {
      const passedMs = clock.monotonic() - seenMs;
      seenMs += passedMs;
      const behindMs = clock.now() - (shownMs + passedMs);
      shownMs += passedMs + Math.max(-SLEW * passedMs, Math.min(SLEW * passedMs, behindMs));
      return shownMs;
    },
    monotonic: () => clock.monotonic(),
    setTimer: (fn, ms) => clock.setTimer(fn, ms),
  };
}

interface VirtualTimer extends Timer {
  readonly dueAt: number;
  readonly fn: () => void;
}

/** A clock for tests: it stands still until `advance` is called. Timers of one moment run in the order they were set. */
export class VirtualClock implements Clock {
  readonly #timers = new Set<VirtualTimer>();
  #wallMs: number;
  #monotonicMs = 0;

  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#wallMs = startMs;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  setTimer(fn: () => void, ms: number): Timer {
    const timer: VirtualTimer = {
      dueAt: this.#monotonicMs + Math.max(0, ms),
      fn,
      cancel: () => this.#timers.delete(timer),
      unref: () => undefined,
    };
    this.#timers.add(timer);
    return timer;
  }

  /** How many timers wait: 0 after a clean stop. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves both clocks on by `ms` and runs every timer that falls due, timers set meanwhile included. */
  advance(ms: number): void {
    const end = this.#monotonicMs + ms;
    for (let timer = this.#nextDue(end); timer !== undefined; timer = this.#nextDue(end)) this.#run(timer);
    this.#moveTo(end);
  }

  /** As `advance`, but lets promises and I/O callbacks settle after each timer. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#monotonicMs + ms;
    await settle();
    for (let timer = this.#nextDue(end); timer !== undefined; timer = this.#nextDue(end)) {
      this.#run(timer);
      await settle();
    }
    this.#moveTo(end);
  }

  /** Moves the wall clock alone, as NTP or a user does: no timer may notice. */
  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }

  #nextDue(end: number): VirtualTimer | undefined {
    let next: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt <= end && (next === undefined || timer.dueAt < next.dueAt)) next = timer;
    }
    return next;
  }

  #run(timer: VirtualTimer): void {
    this.#timers.delete(timer);
    this.#moveTo(timer.dueAt);
    timer.fn();
  }

  #moveTo(monotonicMs: number): void {
    const stepMs = Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs += stepMs;
    this.#wallMs += stepMs;
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
