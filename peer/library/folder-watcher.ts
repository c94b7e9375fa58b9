/**
 * Keeps watched folders published as they are on the disk: the system tells of changes in each directory, and when it is quiet again the
 * folder is read anew, which costs little where little has changed. Where the system cannot watch so many directories, and as a net below
 * it everywhere, folders are looked at from time to time.
 */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

import { type Clock, systemClock, type Timer } from '../../common/runtime/clock.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Library } from './library.js';

/** A folder is read when nothing has changed in it for this long, ms, */
const QUIET_MS = 300;
/** or when changes have gone on for this long, ms. */
const LONGEST_WAIT_MS = 5_000;
/** Folders whose directories cannot all be watched are looked at so often, ms; all others as seldom as this. */
const POLL_MS = 15_000;
const NET_MS = 10 * 60_000;
/** More than this the systems do not let one user watch. */
const MAX_WATCHED = 8_000;

export interface FolderWatcherOptions {
  readonly library: Library;
  /** Reads the folder again, publishes what changed, and tells its directories; never rejects but when the peer ends. */
  readonly rescan: (name: string, options: { readonly signal: AbortSignal }) => Promise<readonly string[]>;
  readonly clock?: Clock | undefined;
}

export class FolderWatcher implements Part {
  readonly #options: FolderWatcherOptions;
  readonly #folders = new Map<string, WatchedFolder>();
  #isStopped = false;

  constructor(options: FolderWatcherOptions) {
    this.#options = options;
  }

  /** What is watched follows the library; call it when something was published or withdrawn. */
  update(): void {
    if (this.#isStopped) return;
    const wanted = new Map<string, string>();
    for (const { name, path, state } of this.#options.library.watched())
      if (state !== 'withdrawing') wanted.set(name, path);
    for (const [name, folder] of this.#folders) {
      if (wanted.get(name) === folder.root) continue;
      void folder.stop();
      this.#folders.delete(name);
    }
    for (const [name, root] of wanted)
      if (!this.#folders.has(name)) this.#folders.set(name, new WatchedFolder({ ...this.#options, name, root }));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#folders.values()].map((folder) => folder.stop()));
    this.#folders.clear();
  }
}

class WatchedFolder {
  readonly root: string;
  readonly #name: string;
  readonly #rescan: FolderWatcherOptions['rescan'];
  readonly #clock: Clock;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #stopped = new AbortController();
  #timer: Timer | undefined;
  #changedSince: number | undefined;
  #reading: Promise<void> | undefined;
  #isBlind = false;

  constructor(options: FolderWatcherOptions & { readonly name: string; readonly root: string }) {
    this.root = options.root;
    this.#name = options.name;
    this.#rescan = options.rescan;
    this.#clock = options.clock ?? systemClock;
    this.#plan(0);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new DOMException('the folder is watched no more', 'AbortError'));
    this.#timer?.cancel();
    this.#unwatch([...this.#watchers.keys()]);
    await this.#reading;
  }

  #touched(): void {
    if (this.#stopped.signal.aborted) return;
    const now = this.#clock.monotonic();
    this.#changedSince ??= now;
    this.#plan(Math.max(0, Math.min(QUIET_MS, this.#changedSince + LONGEST_WAIT_MS - now)));
  }

  #plan(ms: number): void {
    if (this.#reading !== undefined) return; // It is planned when that is over.
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(() => {
      this.#reading = this.#read().finally(() => {
        this.#reading = undefined;
        this.#planNext();
      });
    }, ms);
    this.#timer.unref();
  }

  #planNext(): void {
    if (this.#stopped.signal.aborted) return;
    if (this.#changedSince !== undefined) this.#touched();
    else this.#plan(this.#isBlind ? POLL_MS : NET_MS);
  }

  async #read(): Promise<void> {
    this.#changedSince = undefined;
    const { signal } = this.#stopped;
    const directories = await this.#rescan(this.#name, { signal });
    if (signal.aborted || directories.length === 0) return;
    // What happened in a directory between the reading and the watching is found by reading once more.
    if (this.#watch(directories)) this.#changedSince = this.#clock.monotonic();
  }

  /** True when there are new ones. */
  #watch(directories: readonly string[]): boolean {
    const wanted = new Set(directories.slice(0, MAX_WATCHED));
    this.#isBlind = directories.length > MAX_WATCHED;
    this.#unwatch([...this.#watchers.keys()].filter((directory) => !wanted.has(directory)));
    let hasNew = false;
    for (const directory of wanted) if (!this.#watchers.has(directory)) hasNew = this.#watchOne(directory) || hasNew;
    return hasNew;
  }

  #watchOne(directory: string): boolean {
    try {
      const watcher = watch(join(this.root, directory), { persistent: false }, () => this.#touched());
      watcher.on('error', () => this.#unwatch([directory])); // Removed, most likely; its parent tells of it.
      this.#watchers.set(directory, watcher);
      return true;
    } catch {
      this.#isBlind = true; // The system watches no more of them, or it has gone meanwhile.
      return false;
    }
  }

  #unwatch(directories: readonly string[]): void {
    for (const directory of directories) {
      this.#watchers.get(directory)?.close();
      this.#watchers.delete(directory);
    }
  }
}
