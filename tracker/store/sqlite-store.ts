/** The store's face in the tracker's main thread: calls go to `sqlite-thread.ts`, searches to `sqlite-reader-thread.ts`. */
import { dirname } from 'node:path';
import { systemClock } from '../../common/runtime/clock.js';
import { ensurePrivateDir } from '../../common/runtime/files.js';
import { acquireLock, LockedError, type ProcessLock } from '../../common/runtime/process-lock.js';
import { LiveSet } from './live-set.js';
import { ReadsBeside } from './reads-beside.js';
import type { EngineOptions } from './sqlite-engine.js';
import type { ReaderOptions } from './sqlite-reader-thread.js';
import type { LiveChanges, Store } from './store.js';
import { StoreError } from './store-error.js';
import { SEARCHES, storeOf } from './store-methods.js';
import { StoreThread } from './store-thread.js';

/** A thread of searches that dies at once each time is not started more often than this, ms. */
const RESTART_MS = 1_000;

export interface SqliteStoreOptions extends Omit<EngineOptions, 'shouldVerify' | 'reads'> {
  /** A tracker is the only one on its store; commands that manage users may work beside it. */
  readonly isTracker: boolean;
  /** Told in a sentence what was found when the store was looked through, and does not keep it from working. */
  readonly onNotice?: (notice: string) => void;
  /** Told once when the thread that writes has died: every call fails from then on, and what was acknowledged is on the disk. */
  readonly onDeath?: (failure: StoreError) => void;
}

/**
 * Opens the store at `path`, making it and its folder when they are not there.
 * @throws {LockedError} when `isTracker` and another tracker has it. @throws {StoreError} when it cannot be opened.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { isTracker, onNotice, onDeath, ...engine } = options;
  await ensurePrivateDir(dirname(options.path));
  const lock = lockFor(options.path, isTracker);
  try {
    const threads = new Threads(
      { ...engine, shouldVerify: lock !== undefined },
      { lock: isTracker ? lock : undefined, onNotice, onDeath },
    );
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

interface Surroundings {
  readonly lock: ProcessLock | undefined;
  readonly onNotice: SqliteStoreOptions['onNotice'] | undefined;
  readonly onDeath: SqliteStoreOptions['onDeath'] | undefined;
}

class Threads {
  /** Resolves with what there is to say of the store. */
  readonly opened: Promise<readonly string[]>;
  readonly #writer: StoreThread;
  readonly #readerOptions: ReaderOptions;
  /** As the reader knows it: one that is started in its place has to be told all again. */
  readonly #live = new LiveSet();
  #reader: StoreThread | undefined;
  /** When one that had died was replaced last; monotonic ms. */
  #replacedAt = -Infinity;
  #closing: Promise<void> | undefined;

  constructor(
    options: EngineOptions,
    private readonly around: Surroundings,
  ) {
    const reads = ReadsBeside.shared();
    this.#readerOptions = { path: options.path, reads };
    const workerData: EngineOptions = { ...options, reads };
    const module = new URL('./sqlite-thread.js', import.meta.url);
    this.#writer = new StoreThread(module, { workerData, name: 'store', onDeath: around.onDeath });
    this.opened = this.#writer.opened as Promise<readonly string[]>;
  }

  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#closing !== undefined) return Promise.reject(new StoreError('closed', 'the store is closed'));
    if (!SEARCHES.has(method)) return this.#writer.call(method, args);
    const reader = this.startReader();
    if (method === 'setLive') this.#live.apply(args[0] as LiveChanges);
    return reader.call(method, args);
  }

  /** The one there is; one that has died is replaced, or, when that was begun a moment ago, its calls fail as `stopped`. */
  startReader(): StoreThread {
    if (this.#reader !== undefined) {
      const now = systemClock.monotonic();
      if (!this.#reader.isDead || now - this.#replacedAt < RESTART_MS) return this.#reader;
      this.#replacedAt = now;
    }
    const module = new URL('./sqlite-reader-thread.js', import.meta.url);
    const onDeath = ({ message }: StoreError): void => {
      new ReadsBeside(this.#readerOptions.reads).abandon();
      this.around.onNotice?.(`${message}; the next search starts another one`);
    };
    this.#reader = new StoreThread(module, { workerData: this.#readerOptions, name: 'search', onDeath });
    if (this.#live.size > 0) this.#reader.call('setLive', [this.#live.all]).catch(() => undefined); // it is told when it dies
    return this.#reader;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The reader first: with the last connection SQLite may move pages by itself, and that is the writer's to do. */
  async #close(): Promise<void> {
    using _lock = this.around.lock;
    await this.#reader?.close().catch(() => undefined); // it has died just now, which was told
    await this.#writer.close();
  }
}
