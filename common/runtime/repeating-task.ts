import { type Clock, systemClock, type Timer } from './clock.js';
import { type AbortOptions, isAbort } from './deadline.js';

export interface RepeatingTaskOptions {
  /** Pause in ms from the end of one run to the start of the next; asked again before each pause. */
  readonly intervalMs: number | (() => number);
  /** Told of every run that failed; the task goes on with its next run. An abort by `stop()` is no failure. */
  readonly onError: (error: unknown) => void;
  /** Run once at `start()` instead of after the first pause. Default: false. */
  readonly isEager?: boolean;
  readonly clock?: Clock;
}

/** Runs something again and again, never twice at once: the next run is planned when the last has ended. */
export class RepeatingTask {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #controller: AbortController | undefined;
  #current: Promise<void> = Promise.resolve();

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
    if (this.options.isEager === true) this.#begin(this.#controller.signal);
    else this.#plan(this.#controller.signal);
  }

  /** Aborts the run that is under way and waits for its end. May be called twice; `start()` may follow. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#controller?.abort();
    this.#controller = undefined;
    await this.#current;
  }

  #plan(signal: AbortSignal): void {
    const { intervalMs } = this.options;
    const pauseMs = typeof intervalMs === 'number' ? intervalMs : intervalMs();
    this.#timer = this.#clock.setTimer(() => this.#begin(signal), pauseMs);
  }

  #begin(signal: AbortSignal): void {
    this.#current = this.#runOnce(signal);
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    try {
      await this.run({ signal });
    } catch (error) {
      if (!(signal.aborted && isAbort(error, signal))) this.options.onError(error);
    }
    if (!signal.aborted) this.#plan(signal);
  }
}
