import { type Clock, systemClock } from './clock.js';
import { type AbortOptions, sleep } from './deadline.js';

/** "Something changed, look again": wakes everybody who waits. */
export class Pulse {
  #beat = Promise.withResolvers<void>();

  constructor(private readonly clock: Clock = systemClock) {}

  beat(): void {
    const { resolve } = this.#beat;
    this.#beat = Promise.withResolvers<void>();
    resolve();
  }

  /** Resolves at the next beat, or after `ms`: true when it was a beat. Rejects with `signal.reason` when aborted before. */
  async wait(ms: number, { signal }: AbortOptions): Promise<boolean> {
    const woken = new AbortController();
    const pause = sleep(ms, { signal: AbortSignal.any([signal, woken.signal]), clock: this.clock });
    let isBeat: boolean;
    try {
      isBeat = await Promise.race([this.#beat.promise.then(() => true), pause.then(() => false)]);
    } finally {
      woken.abort();
    }
    signal.throwIfAborted();
    return isBeat;
  }
}
