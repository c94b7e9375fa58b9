import { type Clock, systemClock } from './clock.js';
import { type AbortOptions, sleep } from './deadline.js';

/** "Something changed, look again": wakes everybody who waits. */
export class Pulse {
  readonly #waiting = new Set<() => void>();

  constructor(private readonly clock: Clock = systemClock) {}

  beat(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves at the next beat, or after `ms`: true when it was a beat. Rejects with `signal.reason` when aborted before. */
  async wait(ms: number, { signal }: AbortOptions): Promise<boolean> {
    const woken = new AbortController();
    let isBeat = false;
    const wake = (): void => {
      isBeat = true;
      woken.abort();
    };
    this.#waiting.add(wake); // and taken out again: a promise for the next beat would remember everybody who ever waited
    try {
      await sleep(ms, { signal: AbortSignal.any([signal, woken.signal]), clock: this.clock });
    } catch (error) {
      if (!isBeat) throw error;
    } finally {
      this.#waiting.delete(wake);
    }
    signal.throwIfAborted();
    return isBeat;
  }
}
