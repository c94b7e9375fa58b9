import type { Worker } from 'node:worker_threads';

import type { AbortOptions } from '../../../common/runtime/deadline.js';
import { startThread } from '../../../common/runtime/own-program.js';
import type { HashSpan, HashWorkerData, HashWorkerMessage, SpanEnd } from './hash-messages.js';

export interface SpanOptions extends AbortOptions {
  /** Called with the bytes hashed since the last call, as they come. */
  readonly onBytes: (bytes: number) => void;
}

interface Run {
  readonly onBytes: (bytes: number) => void;
  readonly resolve: (end: SpanEnd) => void;
  readonly reject: (error: Error) => void;
}

/** One worker thread of the pool; hashes one span at a time. An idle thread does not keep the process alive. */
export class HashThread {
  readonly #worker: Worker;
  readonly #stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  #run: Run | undefined;
  #isBroken = false;

  constructor() {
    const workerData: HashWorkerData = { stop: this.#stop };
    this.#worker = startThread(new URL('./hash-worker.js', import.meta.url), { workerData, name: 'hashing' });
    this.#worker.unref();
    this.#worker.on('message', (message: HashWorkerMessage) => this.#receive(message));
    this.#worker.on('error', (error) => this.#break(error));
    this.#worker.on('exit', () => this.#break(new Error('the hashing thread ended')));
  }

  /** True once the thread has died; it can do nothing more. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * Hashes a span; after an abort the result is `stopped`, as soon as the read under way is over. Rejects only when the thread
   * itself dies: then, too, nothing reads the descriptor any more.
   */
  async hash(span: HashSpan, { signal, onBytes }: SpanOptions): Promise<SpanEnd> {
    const { promise, resolve, reject } = Promise.withResolvers<SpanEnd>();
    const stop = new Int32Array(this.#stop);
    const onAbort = (): void => void Atomics.store(stop, 0, 1);
    this.#run = { onBytes, resolve, reject };
    Atomics.store(stop, 0, signal.aborted ? 1 : 0);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#worker.ref();
    this.#worker.postMessage(span);
    try {
      return await promise;
    } finally {
      this.#run = undefined;
      this.#worker.unref();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #receive(message: HashWorkerMessage): void {
    if (message.kind === 'progress') this.#run?.onBytes(message.bytes);
    else this.#run?.resolve(message);
  }

  #break(error: unknown): void {
    this.#isBroken = true;
    this.#run?.reject(error instanceof Error ? error : new Error(String(error)));
  }
}
