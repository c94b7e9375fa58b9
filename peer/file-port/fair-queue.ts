import PQueue from 'p-queue';

import { type Clock, systemClock, type Timer } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { BusyRate } from './busy-rate.js';
import { type Turn, TurnLine } from './turn-line.js';

export interface FairQueueOptions {
  /** Most tasks that run at once. */
  readonly places: number;
  /** Most tasks of one owner that run at once. Default: `places`. */
  readonly placesPerOwner?: number;
  readonly clock?: Clock;
}

/** Where a waiting task stands. */
export interface Place {
  /** From 1. */
  readonly position: number;
  /** Until it begins; absent while nobody can tell. */
  readonly etaMs: number | undefined;
}

export interface TaskOptions extends AbortOptions {
  readonly owner: string;
  /** How long its turn takes, for those behind it. */
  readonly turn?: Turn;
  /** Told whenever the position changes while the task waits; never when it starts at once. `place` is looked up anew at each call. */
  readonly onPosition?: (place: () => Place) => void;
}

interface Task {
  readonly owner: string;
  readonly turn: Turn | undefined;
  readonly onPosition: TaskOptions['onPosition'];
  /** Does the work; what it resolves with tells whoever waits for the outcome. Never rejects. */
  readonly run: () => Promise<() => void>;
  position: number;
}

/** Those who wait hear of changes at most this often, ms, and a forecast is good for as long. */
const TELL_EVERY_MS = 250;
/** Who has just come hears it sooner, ms; but most tasks start at once, and were never in the line. */
const FIRST_TOLD_MS = 10;

/**
 * Runs tasks, a limited number at once, fairly between owners: who has fewer running goes first, then who has waited longest since the
 * last turn; so somebody with a hundred requests cannot keep out somebody with one, nor be kept out for having them.
 */
export class FairQueue {
  /** Whose tasks are places: each takes whoever is next in the line. */
  readonly #places: PQueue;
  readonly #line: TurnLine<Task>;
  readonly #clock: Clock;
  readonly #rate: BusyRate;
  #tellTimer: Timer | undefined;
  #tellAt = 0;
  #lastToldAt = -Infinity;
  #forecast: { readonly at: number; readonly placeByTask: ReadonlyMap<Task, Place> } | undefined;

  constructor({ places, placesPerOwner = places, clock = systemClock }: FairQueueOptions) {
    this.#clock = clock;
    this.#rate = new BusyRate(clock);
    this.#line = new TurnLine(placesPerOwner);
    this.#places = new PQueue({ concurrency: places });
  }

  /** Most tasks that run at once; those that run beyond a smaller number go on. */
  set places(places: number) {
    this.#places.concurrency = places;
  }

  /** Tasks that run now. */
  get running(): number {
    return this.#line.running;
  }

  /** True while a task waits for its place: whoever holds one for long should let others in. */
  get isContended(): boolean {
    return this.#line.waiting.length > 0;
  }

  /** Running tasks have moved `bytes`: what those who wait are told of the time goes by it. */
  moved(bytes: number): void {
    this.#rate.add(bytes);
  }

  /** Runs `work` when it has its place; rejects with `signal.reason` when aborted before. Running work has to watch `signal` itself. */
  async run<T>(work: () => Promise<T>, { owner, turn, onPosition, signal }: TaskOptions): Promise<T> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const run = (): Promise<() => void> =>
      work().then(
        (value) => () => resolve(value),
        (error: unknown) => () => reject(error),
      );
    const task: Task = { owner, turn, onPosition, run, position: 0 };
    const onAbort = (): void => {
      if (!this.#line.remove(task)) return; // it runs already
      this.#tellSoon();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#line.add(task);
    this.#offerPlace();
    this.#tellSoon();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #offerPlace(): void {
    void this.#places.add(() => this.#usePlace());
  }

  /** Nobody may need the place any more: who waited has left, or their owners have all they may have. */
  async #usePlace(): Promise<void> {
    const task = this.#line.start();
    if (task === undefined) return;
    this.#tellSoon();
    this.#rate.begin();
    const tell = await task.run();
    this.#rate.end();
    this.#line.end(task);
    tell();
    if (this.isContended) this.#offerPlace();
  }

  #tellSoon(): void {
    this.#forecast = undefined;
    if (this.isContended) this.#planTell(this.#clock.monotonic() + FIRST_TOLD_MS);
  }

  #planTell(at: number): void {
    if (this.#tellTimer !== undefined && this.#tellAt <= at) return;
    this.#tellTimer?.cancel();
    this.#tellAt = at;
    this.#tellTimer = this.#clock.setTimer(() => this.#tell(), at - this.#clock.monotonic());
    this.#tellTimer.unref();
  }

  #tell(): void {
    this.#tellTimer = undefined;
    const now = this.#clock.monotonic();
    const tellsAll = now - this.#lastToldAt >= TELL_EVERY_MS;
    if (tellsAll) this.#lastToldAt = now;
    let isSomeLeft = false;
    for (const [task, { position }] of this.#placeByTask) {
      if (task.position === position) continue;
      isSomeLeft ||= task.position > 0 && !tellsAll;
      if (task.position > 0 && !tellsAll) continue;
      task.position = position;
      task.onPosition?.(() => this.#placeOf(task, position));
    }
    if (isSomeLeft) this.#planTell(this.#lastToldAt + TELL_EVERY_MS);
  }

  #placeOf(task: Task, position: number): Place {
    const known = this.#placeByTask.get(task) ?? { position, etaMs: undefined };
    const ageMs = this.#clock.monotonic() - (this.#forecast?.at ?? 0);
    return known.etaMs === undefined ? known : { ...known, etaMs: Math.max(0, Math.round(known.etaMs - ageMs)) };
  }

  /** One forecast serves all who ask at about the same time: each costs as much as the square of those who wait. */
  get #placeByTask(): ReadonlyMap<Task, Place> {
    const now = this.#clock.monotonic();
    if (this.#forecast !== undefined && now - this.#forecast.at < TELL_EVERY_MS) return this.#forecast.placeByTask;
    const usual = this.#rate.bytesPerSecond / Math.max(1, this.running);
    const found = this.#line.forecast(this.#places.concurrency, usual);
    const placeByTask = new Map(found.map(({ waiter, etaMs }, index) => [waiter, { position: index + 1, etaMs }]));
    this.#forecast = { at: now, placeByTask };
    return placeByTask;
  }
}
