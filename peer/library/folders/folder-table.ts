/**
 * What this device knows of folders on its disk, in `<state>/folders.sqlite`: each file with its identity and hashes, so that what has
 * not changed is never read again, wherever it was moved to, and what the tracker has been told of it. Threads write it; the peer's main
 * thread only reads, so that it never waits for a writer. Losing it costs reading the folders again.
 */
import { DatabaseSync } from 'node:sqlite';

import type { FileIdentity } from '../hashing/file-identity.js';

/** Threads of several commands may write in turn, ms. */
const WRITER_WAIT_MS = 30_000;

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS folder (
    folder INTEGER PRIMARY KEY, root TEXT NOT NULL UNIQUE, described TEXT NOT NULL DEFAULT ''
  );
  CREATE TABLE IF NOT EXISTS file (
    folder INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, file_id BLOB, executable INTEGER NOT NULL,
    dev INTEGER NOT NULL, ino INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    hashes BLOB, told INTEGER NOT NULL, PRIMARY KEY (folder, path)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS file_content ON file (folder, file_id);
  CREATE INDEX IF NOT EXISTS file_inode ON file (ino, dev);
  CREATE INDEX IF NOT EXISTS file_untold ON file (folder, path) WHERE told = 0;
  CREATE TABLE IF NOT EXISTS gone (folder INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (folder, path)) WITHOUT ROWID;
`;

/** A row of `file`; without `fileId` an empty directory. */
export interface KnownFile {
  readonly path: string;
  readonly size: number;
  /** 32 bytes. */
  readonly fileId: Uint8Array | undefined;
  readonly isExecutable: boolean;
  readonly identity: FileIdentity;
  /** Chunk hashes of a file of several chunks. */
  readonly hashes: Uint8Array | undefined;
}

/**
 * Columns of a `knownFile`. Statements name their index: of its own accord SQLite looks through a whole folder instead, since it takes
 * the first column of the key for as selective as the two of an index.
 */
export const FILE_COLUMNS = 'path, size, file_id, executable, dev, ino, mtime_ns, ctime_ns, hashes';

/**
 * For a thread that scans or keeps books. Without `isDurable` a power loss may take back the last changes, never a part of one: enough
 * for what the tracker was told, which can be told again.
 */
export function openFolderTable(file: string, { isDurable = true } = {}): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: WRITER_WAIT_MS, readBigInts: true });
  db.exec(`${SCHEMA} PRAGMA synchronous = ${isDurable ? 'FULL' : 'NORMAL'};`);
  return db;
}

/** For whoever only reads. Opened as if to write: SQLite rebuilds its index of the log at every read of one that cannot. */
export function readFolderTable(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: WRITER_WAIT_MS, readBigInts: true });
  db.exec('PRAGMA query_only = ON');
  return db;
}

/** The number of a folder in the table; made when it is not there. */
export function folderOf(db: DatabaseSync, root: string): number {
  db.prepare('INSERT INTO folder (root) VALUES (?) ON CONFLICT DO NOTHING').run(root);
  return Number(db.prepare('SELECT folder FROM folder WHERE root = ?').get(root)?.['folder']);
}

/** Nothing is known of the folder at `root` any more. */
export function forgetFolder(db: DatabaseSync, root: string): void {
  const folder = folderOf(db, root);
  db.exec('BEGIN IMMEDIATE');
  for (const table of ['file', 'gone', 'folder']) db.prepare(`DELETE FROM ${table} WHERE folder = ?`).run(folder);
  db.exec('COMMIT');
}

export function knownFile(row: Record<string, unknown>): KnownFile {
  const big = (column: string): bigint => BigInt(row[column] as bigint);
  const blob = (column: string): Uint8Array | undefined => (row[column] as Uint8Array | null) ?? undefined;
  return {
    path: row['path'] as string,
    size: Number(row['size']),
    fileId: blob('file_id'),
    isExecutable: Number(row['executable']) === 1,
    identity: {
      // Unsigned in the system, signed in the table.
      dev: BigInt.asUintN(64, big('dev')),
      ino: BigInt.asUintN(64, big('ino')),
      size: big('size'),
      mtimeNs: big('mtime_ns'),
      ctimeNs: big('ctime_ns'),
    },
    hashes: blob('hashes'),
  };
}

/** As the table has numbers that are unsigned in the system. */
export function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}
