import PQueue from 'p-queue';

import type { AbortOptions } from '../../common/runtime/deadline.js';

export interface FairQueueOptions {
  /** Most tasks that run at once. */
  readonly places: number;
  /** Most tasks of one owner that run at once. Default: `places`. */
  readonly placesPerOwner?: number;
}

export interface TaskOptions extends AbortOptions {
  readonly owner: string;
  /** Told the place in the queue, from 1, whenever it changes while the task waits; never when it starts at once. */
  readonly onPosition?: (position: number) => void;
}

interface Waiter {
  readonly priority: number;
  readonly onPosition: ((position: number) => void) | undefined;
  position: number;
}

/**
 * Runs tasks, a limited number at once, fairly between owners: who has fewer tasks here goes first, so that somebody with a hundred
 * requests cannot keep out somebody with one.
 */
export class FairQueue {
  readonly #all: PQueue;
  readonly #byOwner = new Map<string, PQueue>();
  readonly #countByOwner = new Map<string, number>();
  readonly #waiting: Waiter[] = [];
  readonly #placesPerOwner: number;
  #isTelling = false;

  constructor({ places, placesPerOwner = places }: FairQueueOptions) {
    this.#all = new PQueue({ concurrency: places });
    this.#placesPerOwner = placesPerOwner;
  }

  /** Most tasks that run at once; those that run beyond a smaller number go on. */
  set places(places: number) {
    this.#all.concurrency = places;
  }

  /** Tasks that run now. */
  get running(): number {
    return this.#all.pending;
  }

  /** True while a task waits for its place: whoever holds one for long should let others in. */
  get isContended(): boolean {
    return this.#waiting.length > 0;
  }

  /** Runs `task` when it has its place; rejects with `signal.reason` when aborted before. A running task has to watch `signal` itself. */
  async run<T>(task: () => Promise<T>, { owner, onPosition, signal }: TaskOptions): Promise<T> {
    signal.throwIfAborted();
    const count = (this.#countByOwner.get(owner) ?? 0) + 1;
    this.#countByOwner.set(owner, count);
    const waiter: Waiter = { priority: -count, onPosition, position: 0 };
    this.#waiting.push(waiter);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const started = (): Promise<T> => {
      signal.throwIfAborted();
      signal.removeEventListener('abort', onAbort);
      this.#leaveLine(waiter);
      return task();
    };
    try {
      // The signal is not p-queue's business: it would give a running task's place away before the task has ended.
      const result = this.#queueOf(owner).add(() =>
        this.#all.add(async () => started(), { priority: waiter.priority }),
      );
      this.#tellPositions();
      return await Promise.race([result, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#leaveLine(waiter);
      this.#countDown(owner);
    }
  }

  #queueOf(owner: string): PQueue {
    const known = this.#byOwner.get(owner);
    if (known !== undefined) return known;
    const queue = new PQueue({ concurrency: this.#placesPerOwner });
    this.#byOwner.set(owner, queue);
    return queue;
  }

  #countDown(owner: string): void {
    const left = (this.#countByOwner.get(owner) ?? 1) - 1;
    if (left > 0) this.#countByOwner.set(owner, left);
    else {
      this.#countByOwner.delete(owner);
      this.#byOwner.delete(owner);
    }
  }

  #leaveLine(waiter: Waiter): void {
    const index = this.#waiting.indexOf(waiter);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#tellPositions();
  }

  /** Later and once for many changes: most tasks start before this turn of the event loop ends, and were never in the line. */
  #tellPositions(): void {
    if (this.#isTelling || this.#waiting.length === 0) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      this.#tellNow();
    });
  }

  #tellNow(): void {
    const inOrder = this.#waiting.toSorted((a, b) => b.priority - a.priority);
    for (const [index, waiter] of inOrder.entries()) {
      if (waiter.position === index + 1) continue;
      waiter.position = index + 1;
      waiter.onPosition?.(waiter.position);
    }
  }
}
