/** Files of this device's folders by their content, for those who fetch them: large ones by chunks, small ones read many at once. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Worker } from 'node:worker_threads';

import { type Clock, systemClock, type Timer } from '../../../common/runtime/clock.js';
import { startThread } from '../../../common/runtime/own-program.js';
import { FILE_COLUMNS, type KnownFile, knownFile, readFolderTable } from './folder-table.js';
import type { ReaderAnswer, ReaderRequest } from './reader-worker.js';
import type { SmallFiles } from './small-files.js';

const IDLE_END_MS = 30_000;

export class FolderIndex {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, PromiseWithResolvers<SmallFiles>>();
  #db: DatabaseSync | undefined;
  #find: StatementSync | undefined;
  #at: StatementSync | undefined;
  #worker: Worker | undefined;
  #rest: Timer | undefined;
  #lastId = 0;

  constructor(stateDir: string, clock: Clock = systemClock) {
    this.#file = join(stateDir, 'folders.sqlite');
    this.#clock = clock;
  }

  /** The files of that content in the folder at `root`: usually one. */
  find(root: string, fileId: string): KnownFile[] {
    this.#find ??= this.#open()?.prepare(`SELECT ${FILE_COLUMNS} FROM file INDEXED BY file_content
      WHERE folder = (SELECT folder FROM folder WHERE root = ?) AND file_id = ? LIMIT 8`);
    return this.#find?.all(root, Buffer.from(fileId, 'hex')).map(knownFile) ?? [];
  }

  /** The file at `path` in the folder at `root`. */
  at(root: string, path: string): KnownFile | undefined {
    this.#at ??= this.#open()?.prepare(`SELECT ${FILE_COLUMNS} FROM file
      WHERE folder = (SELECT folder FROM folder WHERE root = ?) AND path = ?`);
    const row = this.#at?.get(root, path);
    return row === undefined ? undefined : knownFile(row);
  }

  /** Paths of the files in the folder at `root`, by their UTF-8 bytes. */
  *files(root: string): Generator<string, void, undefined> {
    const rows = this.#open()?.prepare(`SELECT path FROM file
      WHERE folder = (SELECT folder FROM folder WHERE root = ?) AND file_id IS NOT NULL ORDER BY path`);
    for (const { path } of rows?.iterate(root) ?? []) yield path as string;
  }

  /** Small files by content, as many as make about 1 MiB. */
  read(root: string, fileIds: readonly string[]): Promise<SmallFiles> {
    this.#rest?.cancel();
    this.#lastId += 1;
    const waiting = Promise.withResolvers<SmallFiles>();
    this.#waiting.set(this.#lastId, waiting);
    this.#worker ??= this.#start();
    this.#worker.postMessage({ id: this.#lastId, root, fileIds } satisfies ReaderRequest);
    return waiting.promise;
  }

  async close(): Promise<void> {
    this.#db?.close();
    this.#db = undefined;
    this.#find = undefined;
    this.#at = undefined;
    await this.#end();
  }

  /** There is no table before the first folder was published. */
  #open(): DatabaseSync | undefined {
    if (this.#db === undefined && existsSync(this.#file)) this.#db = readFolderTable(this.#file);
    return this.#db;
  }

  #start(): Worker {
    const module = new URL('./reader-worker.js', import.meta.url);
    const worker = startThread(module, { workerData: this.#file, name: 'small files' });
    worker.unref();
    worker.on('message', ({ id, files }: ReaderAnswer) => {
      this.#waiting.get(id)?.resolve(files);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#planEnd();
    });
    const onBroken = (error: unknown): void => {
      if (this.#worker === worker) this.#worker = undefined;
      const reason = error instanceof Error ? error : new Error('the thread that reads small files ended');
      for (const waiting of this.#waiting.values()) waiting.reject(reason);
      this.#waiting.clear();
    };
    worker.on('error', onBroken);
    worker.on('exit', onBroken);
    return worker;
  }

  #planEnd(): void {
    this.#rest?.cancel();
    this.#rest = this.#clock.setTimer(() => void this.#end(), IDLE_END_MS);
    this.#rest.unref();
  }

  async #end(): Promise<void> {
    this.#rest?.cancel();
    await this.#worker?.terminate();
  }
}
