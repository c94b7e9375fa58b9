/** The store's face in the tracker's main thread: calls go to `sqlite-thread.ts`, searches to `sqlite-reader-thread.ts`. */
import { dirname } from 'node:path';
import { ensurePrivateDir } from '../../common/runtime/files.js';
import { acquireLock, LockedError, type ProcessLock } from '../../common/runtime/process-lock.js';
import { ReadsBeside } from './reads-beside.js';
import type { EngineOptions } from './sqlite-engine.js';
import type { ReaderOptions } from './sqlite-reader-thread.js';
import type { Store } from './store.js';
import { StoreError } from './store-error.js';
import { SEARCHES, storeOf } from './store-methods.js';
import { StoreThread } from './store-thread.js';

export interface SqliteStoreOptions extends Omit<EngineOptions, 'shouldVerify' | 'reads'> {
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
    const threads = new Threads({ ...options, shouldVerify: lock !== undefined }, isTracker ? lock : undefined);
    for (const notice of await threads.opened) onNotice?.(notice);
    if (!isTracker) lock?.[Symbol.dispose]();
    else threads.startReader(); // nobody's search is to wait for that; a command has one with its first search
    return storeOf(
      (name, args) => threads.call(name, args),
      () => threads.close(),
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

class Threads {
  /** Resolves with what there is to say of the store. */
  readonly opened: Promise<readonly string[]>;
  readonly #writer: StoreThread;
  readonly #readerOptions: ReaderOptions;
  #reader: StoreThread | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: EngineOptions,
    private readonly lock: ProcessLock | undefined,
  ) {
    const reads = ReadsBeside.shared();
    this.#readerOptions = { path: options.path, reads };
    const workerData: EngineOptions = { ...options, reads };
    this.#writer = new StoreThread(new URL('./sqlite-thread.js', import.meta.url), { workerData, name: 'store' });
    this.opened = this.#writer.opened as Promise<readonly string[]>;
  }

  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#closing !== undefined) return Promise.reject(new StoreError('closed', 'the store is closed'));
    if (!SEARCHES.has(method)) return this.#writer.call(method, args);
    return this.startReader().call(method, args);
  }

  startReader(): StoreThread {
    const module = new URL('./sqlite-reader-thread.js', import.meta.url);
    this.#reader ??= new StoreThread(module, { workerData: this.#readerOptions, name: 'search' });
    return this.#reader;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The reader first: with the last connection SQLite may move pages by itself, and that is the writer's to do. */
  async #close(): Promise<void> {
    await this.#reader?.close();
    await this.#writer.close();
    this.lock?.[Symbol.dispose]();
  }
}
