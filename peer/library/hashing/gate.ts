import type { AbortOptions } from '../../../common/runtime/deadline.js';

interface Waiter {
  readonly admit: () => void;
}

/** Lets at most `places` in at a time, first come first served. A place is given back by disposing it. */
export class Gate {
  readonly #waiters = new Set<Waiter>();
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  /** Rejects with `signal.reason` when aborted while waiting. */
  async enter({ signal }: AbortOptions): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    let isInside = true;
    return {
      [Symbol.dispose]: () => {
        if (isInside) this.#leave();
        isInside = false;
      },
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      this.#waiters.delete(waiter);
      reject(signal.reason);
    };
    const waiter: Waiter = {
      admit: () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      },
    };
    this.#waiters.add(waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    return promise;
  }

  /** The place goes straight to who has waited longest. */
  #leave(): void {
    const [next] = this.#waiters;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiters.delete(next);
    next.admit();
  }
}
