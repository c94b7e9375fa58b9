/** The store's face in the tracker's main thread: every call is a message to `sqlite-thread.ts` and a promise. */
import { once } from 'node:events';
import { dirname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { ensurePrivateDir } from '../../common/runtime/files.js';
import { startThread } from '../../common/runtime/own-program.js';
import { acquireLock, LockedError, type ProcessLock } from '../../common/runtime/process-lock.js';
import type { EngineOptions } from './sqlite-engine.js';
import type { AnswerMessage, CallMessage } from './sqlite-thread.js';
import type { Store } from './store.js';
import { StoreError } from './store-error.js';
import { storeOf } from './store-methods.js';

export interface SqliteStoreOptions extends Omit<EngineOptions, 'shouldVerify'> {
  /** A tracker is the only one on its store; commands that manage users may work beside it. */
  readonly isTracker: boolean;
  /** Told in a sentence what was found when the store was looked through, and does not keep it from working. */
  readonly onNotice?: (notice: string) => void;
}

/**
 * Opens the store at `path`, making it and its folder when they are not there.
 * @throws {LockedError} when `isTracker` and another tracker has it. @throws {StoreError} when it cannot be opened.
 */
export async function openSqliteStore({ isTracker, onNotice, ...options }: SqliteStoreOptions): Promise<Store> {
  await ensurePrivateDir(dirname(options.path));
  const lock = lockFor(options.path, isTracker);
  try {
    const thread = new StoreThread({ ...options, shouldVerify: lock !== undefined }, isTracker ? lock : undefined);
    for (const notice of await thread.opened) onNotice?.(notice);
    if (!isTracker) lock?.[Symbol.dispose]();
    return storeOf(
      (name, args) => thread.call(name, args),
      () => thread.close(),
    );
  } catch (error) {
    lock?.[Symbol.dispose]();
    throw error;
  }
}

/** A command holds it only while the store is looked through, and works without where a tracker has it. */
function lockFor(path: string, isTracker: boolean): ProcessLock | undefined {
  try {
    return acquireLock(`${path}.lock`, { what: `the tracker's store ${path}` });
  } catch (error) {
    if (isTracker || !(error instanceof LockedError)) throw error;
    return undefined;
  }
}

class StoreThread {
  /** Resolves with what there is to say of the store. */
  readonly opened: Promise<readonly string[]>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  /** Calls of one turn of the event loop: they go as one message, which costs as much as one of them. */
  #outgoing: CallMessage[] = [];
  #closing: Promise<void> | undefined;
  #failure: StoreError | undefined;

  constructor(
    options: EngineOptions,
    private readonly lock: ProcessLock | undefined,
  ) {
    this.#worker = startThread(new URL('./sqlite-thread.js', import.meta.url), { workerData: options, name: 'store' });
    this.#worker.on('message', (messages: readonly AnswerMessage[]) => {
      for (const message of messages) this.#settle(message);
    });
    this.#worker.on('error', (error) =>
      this.#fail(new StoreError('internal', 'the store has stopped', { cause: error })),
    );
    this.#worker.on('exit', () => this.#fail(new StoreError('closed', 'the store is closed')));
    this.opened = this.#expect(0) as Promise<readonly string[]>;
  }

  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#closing !== undefined) return Promise.reject(new StoreError('closed', 'the store is closed'));
    return this.#send(method, args);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const exited = once(this.#worker, 'exit');
    if (this.#failure === undefined) {
      await this.#send('close', []);
      await exited;
    }
    this.lock?.[Symbol.dispose]();
  }

  #send(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#lastId += 1;
    const answer = this.#expect(this.#lastId);
    this.#outgoing.push({ id: this.#lastId, method, args });
    if (this.#outgoing.length === 1) setImmediate(() => this.#worker.postMessage(this.#outgoing.splice(0)));
    return answer;
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
