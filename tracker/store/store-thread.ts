/** A thread of the store as the main thread sees it: every call is a message and a promise. */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../../common/runtime/own-program.js';
import { StoreError, type StoreErrorCode } from './store-error.js';

export interface CallMessage {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** `id` 0 tells of the opening itself. */
export type AnswerMessage =
  | { readonly id: number; readonly value: unknown }
  /** The value as JSON: to read that takes the main thread a quarter of what an object takes. */
  | { readonly id: number; readonly json: string }
  | { readonly id: number; readonly error: { readonly code: StoreErrorCode; readonly message: string } };

export class StoreThread {
  /** Resolves with what the thread has to say when it is ready, if it says it. */
  readonly opened: Promise<unknown>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  /** Calls of one turn of the event loop: they go as one message, which costs as much as one of them. */
  #outgoing: CallMessage[] = [];
  #failure: StoreError | undefined;

  /** `module` answers `CallMessage[]` by `AnswerMessage[]`, and ends after `close`; `onDeath` is told once if it ends otherwise. */
  constructor(
    module: URL,
    {
      onDeath,
      ...options
    }: { workerData: unknown; name: string; onDeath?: ((failure: StoreError) => void) | undefined },
  ) {
    this.#worker = startThread(module, options);
    this.#worker.on('message', (messages: readonly AnswerMessage[]) => {
      for (const message of messages) this.#settle(message);
    });
    const die = (reason: string, cause?: Error): void => {
      if (this.#failure !== undefined) return;
      const failure = new StoreError('stopped', `the tracker's ${options.name} thread has died: ${reason}`, { cause });
      this.#fail(failure);
      onDeath?.(failure);
    };
    this.#worker.on('error', (error: Error) => die(error.message, error));
    this.#worker.on('exit', (code) => {
      if (code === 0) this.#fail(new StoreError('closed', 'the store is closed'));
      else die(`it ended with code ${code}`);
    });
    this.opened = this.#expect(0);
    this.opened.catch(() => undefined); // nobody may wait for it, and each call fails as well
  }

  get isDead(): boolean {
    return this.#failure !== undefined;
  }

  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#lastId += 1;
    const answer = this.#expect(this.#lastId);
    this.#outgoing.push({ id: this.#lastId, method, args });
    if (this.#outgoing.length === 1) setImmediate(() => this.#worker.postMessage(this.#outgoing.splice(0)));
    return answer;
  }

  /** Once, when all calls before it are answered. */
  async close(): Promise<void> {
    if (this.#failure !== undefined) return;
    await Promise.all([this.call('close', []), once(this.#worker, 'exit')]);
  }

  #expect(id: number): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    return waiting.promise;
  }

  #settle(message: AnswerMessage): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('error' in message) waiting?.reject(new StoreError(message.error.code, message.error.message));
    else waiting?.resolve('json' in message ? JSON.parse(message.json) : message.value);
  }

  #fail(failure: StoreError): void {
    this.#failure ??= failure;
    for (const waiting of this.#waiting.values()) waiting.reject(failure);
    this.#waiting.clear();
  }
}
