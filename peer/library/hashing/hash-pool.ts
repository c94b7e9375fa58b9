import { type Clock, systemClock, type Timer } from '../../../common/runtime/clock.js';
import { Gate } from './gate.js';
import type { HashSpan, SpanEnd } from './hash-messages.js';
import { HashThread, type SpanOptions } from './hash-thread.js';

/** Threads without any work are ended after this time: each holds about 10 MB. */
export const IDLE_THREADS_END_AFTER_MS = 10_000;

/** At most `threads` worker threads, started when there is work for them and ended when there has been none for a while. */
export class HashPool {
  readonly #gate: Gate;
  readonly #idle: HashThread[] = [];
  readonly #all = new Set<HashThread>();
  #rest: Timer | undefined;

  constructor(
    threads: number,
    private readonly clock: Clock = systemClock,
  ) {
    this.#gate = new Gate(threads);
  }

  /** Waits for a thread and hashes the span there; see `HashThread.hash`. Rejects with `signal.reason` while still waiting. */
  async hash(span: HashSpan, options: SpanOptions): Promise<SpanEnd> {
    using _place = await this.#gate.enter(options);
    const thread = this.#take();
    try {
      return await thread.hash(span, options);
    } finally {
      this.#giveBack(thread);
    }
  }

  /** Ends every thread. Spans under way must have been aborted before. */
  async close(): Promise<void> {
    this.#rest?.cancel();
    const threads = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    await Promise.allSettled(threads.map((thread) => thread.close()));
  }

  /** Threads that exist now. */
  get size(): number {
    return this.#all.size;
  }

  #take(): HashThread {
    this.#rest?.cancel();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const thread = new HashThread();
    this.#all.add(thread);
    return thread;
  }

  #giveBack(thread: HashThread): void {
    if (thread.isBroken) this.#all.delete(thread);
    else if (this.#all.has(thread)) this.#idle.push(thread);
    if (this.#idle.length !== this.#all.size || this.#all.size === 0) return;
    this.#rest = this.clock.setTimer(() => void this.close(), IDLE_THREADS_END_AFTER_MS);
    this.#rest.unref();
  }
}
