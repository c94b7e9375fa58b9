/**
 * Runs in a thread of its own: reads folders and keeps the table of them (`folder-table.ts`), synchronously, which is several times
 * faster for many small files than handing each to the system's threads. Talks to `folder-thread.ts` alone.
 */
import { mkdirSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

import { ContentError } from '../../../common/content/content-error.js';
import { forgetFolder, openFolderTable } from './folder-table.js';
import { recordFile, scanFolder } from './scan-folder.js';
import { describedContent, forgetTold, setDescribed, setTold, type UntoldPaths, untoldPaths } from './told-paths.js';
import { writeListing } from './write-listing.js';

export interface FolderWorkerData {
  /** The table. */
  readonly file: string;
  /** Where listings are kept. */
  readonly listings: string;
  /** One 32-bit number, shared: 1 asks to give up the scan under way. */
  readonly stop: SharedArrayBuffer;
  /** Whether what it writes must outlive a power loss. */
  readonly isDurable: boolean;
}

export type FolderWorkerMessage =
  | { readonly kind: 'progress'; readonly files: number }
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: Error; readonly code?: ContentError['code'] };

const port = parentPort;
if (port === null) throw new Error('folder-worker runs as a worker thread only');
const { file, listings, stop, isDurable } = workerData as FolderWorkerData;
mkdirSync(listings, { recursive: true, mode: 0o700 });
const db = openFolderTable(file, { isDurable });
const reader = openFolderTable(file);
const stopped = new Int32Array(stop);

const METHODS = {
  scan: (root: string, isStrict: boolean) =>
    scanFolder(root, {
      isStrict,
      db,
      reader,
      onProgress: (files) => answer({ kind: 'progress', files }),
      isStopped: () => Atomics.load(stopped, 0) !== 0,
    }),
  record: (root: string, hashed: Parameters<typeof recordFile>[2]) => recordFile(db, root, hashed),
  list: (root: string) => writeListing(db, root, listings),
  forget: (root: string) => forgetFolder(db, root),
  described: (root: string) => describedContent(db, root),
  setDescribed: (root: string, folderId: string) => setDescribed(db, root, folderId),
  forgetTold: (root: string) => forgetTold(db, root),
  untold: (root: string) => untoldPaths(db, root),
  setTold: (root: string, told: UntoldPaths) => setTold(db, root, told),
} as const;

export type FolderMethods = typeof METHODS;

port.on('message', async ({ method, args }: { method: keyof FolderMethods; args: readonly unknown[] }) => {
  try {
    const run = METHODS[method] as (...values: readonly unknown[]) => unknown;
    answer({ kind: 'done', value: await run(...args) });
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    const failure = error instanceof Error ? error : new Error(String(error));
    answer({ kind: 'failed', error: failure, ...(error instanceof ContentError ? { code: error.code } : {}) });
  }
});

function answer(message: FolderWorkerMessage): void {
  port?.postMessage(message);
}
