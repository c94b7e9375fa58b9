import type { Worker } from 'node:worker_threads';

import { startThread } from '../../../common/runtime/own-program.js';
import type { StageAnswer, StageCall, StageMethods } from './stage-worker.js';

/** One writes while the other waits for the disk. */
const THREADS = 2;

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, PromiseWithResolvers<unknown>>;
}

/** Threads that write, check and sync small files for one download; calls go to the one with less to do. Close them. */
export class StageThreads {
  readonly #threads: Thread[] = [];
  #lastId = 0;
  #isClosed = false;

  /** Rejects with the system's error, its `code` included. */
  call<K extends keyof StageMethods>(
    method: K,
    args: Parameters<StageMethods[K]>,
    transfer: ArrayBuffer[] = [],
  ): Promise<ReturnType<StageMethods[K]>> {
    if (this.#isClosed) return Promise.reject(new DOMException('the download is over', 'AbortError'));
    const thread = this.#idlest();
    this.#lastId += 1;
    const waiting = Promise.withResolvers<unknown>();
    thread.waiting.set(this.#lastId, waiting);
    thread.worker.postMessage({ id: this.#lastId, method, args } satisfies StageCall, transfer);
    return waiting.promise as Promise<ReturnType<StageMethods[K]>>;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #idlest(): Thread {
    const free = this.#threads.find(({ waiting }) => waiting.size === 0);
    if (free !== undefined) return free;
    if (this.#threads.length < THREADS) return this.#start();
    return this.#threads.reduce((best, other) => (other.waiting.size < best.waiting.size ? other : best));
  }

  #start(): Thread {
    const worker = startThread(new URL('./stage-worker.js', import.meta.url), { name: 'writing files' });
    const thread: Thread = { worker, waiting: new Map() };
    worker.on('message', (answer: StageAnswer) => {
      const waiting = thread.waiting.get(answer.id);
      thread.waiting.delete(answer.id);
      if ('error' in answer)
        waiting?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
      else waiting?.resolve(answer.value);
    });
    const onBroken = (error: unknown): void => {
      const index = this.#threads.indexOf(thread);
      if (index >= 0) this.#threads.splice(index, 1);
      for (const waiting of thread.waiting.values())
        waiting.reject(error instanceof Error ? error : new Error('the thread that writes files ended'));
      thread.waiting.clear();
    };
    worker.on('error', onBroken);
    worker.on('exit', onBroken);
    this.#threads.push(thread);
    return thread;
  }
}
