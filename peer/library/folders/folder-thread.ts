import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';

import { ContentError } from '../../../common/content/content-error.js';
import type { Clock, Timer } from '../../../common/runtime/clock.js';
import type { AbortOptions } from '../../../common/runtime/deadline.js';
import { startThread } from '../../../common/runtime/own-program.js';
import { Gate } from '../hashing/gate.js';
import type { FolderMethods, FolderWorkerData, FolderWorkerMessage } from './folder-worker.js';

/** Without work the thread is ended after this time, ms: it holds about 15 MB. */
const IDLE_END_MS = 10_000;

export interface FolderCallOptions extends AbortOptions {
  readonly onProgress?: (files: number) => void;
}

/** One thread that reads folders or keeps their table, one call after the other; started when needed. */
export class FolderThread {
  readonly #stateDir: string;
  readonly #clock: Clock;
  readonly #isDurable: boolean;
  readonly #turn = new Gate(1);
  readonly #stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  #worker: Worker | undefined;
  #rest: Timer | undefined;
  #isClosed = false;

  constructor(stateDir: string, { clock, isDurable }: { clock: Clock; isDurable: boolean }) {
    this.#stateDir = stateDir;
    this.#clock = clock;
    this.#isDurable = isDurable;
  }

  /** Rejects with `signal.reason` when aborted. @throws {ContentError} what the scan found wrong. */
  async call<K extends keyof FolderMethods>(
    method: K,
    args: Parameters<FolderMethods[K]>,
    { signal, onProgress }: FolderCallOptions,
  ): Promise<Awaited<ReturnType<FolderMethods[K]>>> {
    using _turn = await this.#turn.enter({ signal });
    if (this.#isClosed) throw new DOMException('the peer is ending', 'AbortError');
    this.#rest?.cancel();
    const flag = new Int32Array(this.#stop);
    const onAbort = (): void => void Atomics.store(flag, 0, 1);
    Atomics.store(flag, 0, 0);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return (await this.#ask({ method, args }, onProgress)) as Awaited<ReturnType<FolderMethods[K]>>;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#planEnd();
    }
  }

  /** Gives up a scan under way and ends the thread. */
  async close(): Promise<void> {
    this.#isClosed = true;
    Atomics.store(new Int32Array(this.#stop), 0, 1);
    using _turn = await this.#turn.enter({ signal: new AbortController().signal });
    await this.#end();
  }

  async #ask(message: object, onProgress: FolderCallOptions['onProgress']): Promise<unknown> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const onMessage = (answer: FolderWorkerMessage): void => {
      if (answer.kind === 'progress') onProgress?.(answer.files);
      else if (answer.kind === 'done') resolve(answer.value);
      else reject(answer.code === undefined ? answer.error : new ContentError(answer.code, answer.error.message));
    };
    const onBroken = (error?: unknown): void => {
      this.#worker = undefined;
      reject(error instanceof Error ? error : new Error('the thread that reads folders ended'));
    };
    worker.on('message', onMessage);
    worker.once('error', onBroken);
    worker.once('exit', onBroken);
    worker.ref();
    worker.postMessage(message);
    try {
      return await promise;
    } finally {
      worker.unref();
      worker.off('message', onMessage);
      worker.off('error', onBroken);
      worker.off('exit', onBroken);
    }
  }

  #start(): Worker {
    const workerData: FolderWorkerData = {
      file: join(this.#stateDir, 'folders.sqlite'),
      listings: join(this.#stateDir, 'folders'),
      stop: this.#stop,
      isDurable: this.#isDurable,
    };
    return startThread(new URL('./folder-worker.js', import.meta.url), { workerData, name: 'folders' });
  }

  #planEnd(): void {
    this.#rest = this.#clock.setTimer(() => void this.#end(), IDLE_END_MS);
    this.#rest.unref();
  }

  async #end(): Promise<void> {
    this.#rest?.cancel();
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}
