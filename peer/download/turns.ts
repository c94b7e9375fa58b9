import type { AbortOptions } from '../../common/runtime/deadline.js';

export interface TurnOptions extends AbortOptions {
  /** Asked whenever a place is free, so that it may change while one waits; the highest goes first. */
  readonly rank: () => number;
}

interface Waiter {
  readonly rank: () => number;
  readonly start: () => void;
}

/** Lets a limited number of tasks run at once: the highest rank first, of one rank whoever waits longest. */
export class Turns {
  readonly #waiting: Waiter[] = [];
  #free: number;

  constructor(places: number) {
    this.#free = Math.max(1, places);
  }

  /** Runs `task` in its turn. Rejects with `signal.reason` when aborted before; a running task watches `signal` itself. */
  async run<T>(task: () => Promise<T>, { rank, signal }: TurnOptions): Promise<T> {
    signal.throwIfAborted();
    await this.#turn(rank, signal);
    try {
      return await task();
    } finally {
      this.#free += 1;
      this.#startNext();
    }
  }

  #turn(rank: () => number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      reject(signal.reason);
    };
    const waiter: Waiter = {
      rank,
      start: () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      },
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.push(waiter);
    this.#startNext();
    return promise;
  }

  #startNext(): void {
    while (this.#free > 0) {
      let next = 0;
      for (const [index, { rank }] of this.#waiting.entries())
        if (rank() > (this.#waiting[next]?.rank() ?? 0)) next = index;
      const [waiter] = this.#waiting.splice(next, 1);
      if (waiter === undefined) return;
      this.#free -= 1;
      waiter.start();
    }
  }
}
