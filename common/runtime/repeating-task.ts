import { type Clock, systemClock, type Timer } from './clock.js';
import { type AbortOptions, isAbort } from './deadline.js';

export interface RepeatingTaskOptions {
  /** Pause in ms from the end of one run to the start of the next; asked again before each pause. */
  readonly intervalMs: number | (() => number);
  /** Told of every run that failed; the task goes on with its next run. An abort by `stop()` is no failure. */
  readonly onError: (error: unknown) => void;
  /** Run once at `start()` instead of after the first pause. Default: false. */
  readonly isEager?: boolean;
  /** Pause in ms from the end of one run to the start of the next when that is hurried. Default: 0. */
  readonly hurriedMs?: number;
  readonly clock?: Clock;
}

/** Runs something again and again, never twice at once: the next run is planned when the last has ended. */
export class RepeatingTask {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #controller: AbortController | undefined;
  #current: Promise<void> = Promise.resolve();
  #isRunning = false;
  #isHurried = false;
  #endedAt = -Infinity;

  constructor(
    private readonly run: (options: AbortOptions) => Promise<void> | void,
    private readonly options: RepeatingTaskOptions,
  ) {
    this.#clock = options.clock ?? systemClock;
  }

  /** Does nothing while the task is started already. */
  start(): void {
    if (this.#controller !== undefined) return;
    this.#controller = new AbortController();
    this.#isHurried = false;
    if (this.options.isEager === true) this.#begin(this.#controller.signal);
    else this.#plan(this.#controller.signal);
  }

  /** There is something to do: the next run comes after `hurriedMs` only; one that is under way is followed by another. */
  hurry(): void {
    if (this.#controller === undefined || this.#isHurried) return;
    this.#isHurried = true;
    if (this.#isRunning) return;
    this.#timer?.cancel();
    this.#plan(this.#controller.signal);
  }

  /** Aborts the run that is under way and waits for its end. May be called twice; `start()` may follow. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#controller?.abort();
    this.#controller = undefined;
    await this.#current;
  }

  #plan(signal: AbortSignal): void {
    this.#timer = this.#clock.setTimer(() => this.#begin(signal), this.#pauseMs());
  }

  #pauseMs(): number {
    const { intervalMs, hurriedMs = 0 } = this.options;
    if (this.#isHurried) return Math.max(0, this.#endedAt + hurriedMs - this.#clock.monotonic());
    return typeof intervalMs === 'number' ? intervalMs : intervalMs();
  }

  #begin(signal: AbortSignal): void {
    this.#current = this.#runOnce(signal);
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    this.#isRunning = true;
    this.#isHurried = false;
    try {
      await this.run({ signal });
    } catch (error) {
      if (!(signal.aborted && isAbort(error, signal))) this.options.onError(error);
    }
    this.#isRunning = false;
    this.#endedAt = this.#clock.monotonic();
    if (!signal.aborted) this.#plan(signal);
  }
}
