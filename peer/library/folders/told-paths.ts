/** What the tracker has been told of the files in a folder, and what it has not: so that a change of one file is one line to tell. */
import type { DatabaseSync } from 'node:sqlite';

import { folderOf } from './folder-table.js';

export interface UntoldPaths {
  readonly put: readonly { readonly path: string; readonly size: number; readonly fileId: string }[];
  readonly drop: readonly string[];
  /** Nothing is left after these. */
  readonly isAll: boolean;
}

/** Bytes of the paths of one request, and their number: a line to the tracker has 1 MiB. */
const MAX_REQUEST_BYTES = 192 * 1024;
const MAX_REQUEST_PATHS = 1_000;

/** The content of the folder whose paths the tracker has, all of them, as it said; empty when it has not. */
export function describedContent(db: DatabaseSync, root: string): string {
  return String(db.prepare('SELECT described FROM folder WHERE root = ?').get(root)?.['described'] ?? '');
}

export function setDescribed(db: DatabaseSync, root: string, folderId: string): void {
  db.prepare('UPDATE folder SET described = ? WHERE root = ?').run(folderId, root);
}

/** The tracker knows nothing of the folder. */
export function forgetTold(db: DatabaseSync, root: string): void {
  const folder = folderOf(db, root);
  db.exec('BEGIN IMMEDIATE');
  db.prepare('DELETE FROM gone WHERE folder = ?').run(folder);
  db.prepare('UPDATE file SET told = 0 WHERE folder = ? AND told = 1 AND file_id IS NOT NULL').run(folder);
  db.prepare(`UPDATE folder SET described = '' WHERE folder = ?`).run(folder);
  db.exec('COMMIT');
}

/** The next ones to tell, those that are gone first. */
export function untoldPaths(db: DatabaseSync, root: string): UntoldPaths {
  const folder = folderOf(db, root);
  const drop: string[] = [];
  const put: { path: string; size: number; fileId: string }[] = [];
  let bytes = 0;
  const hasRoom = (path: string): boolean => {
    bytes += Buffer.byteLength(path);
    return bytes <= MAX_REQUEST_BYTES && put.length + drop.length < MAX_REQUEST_PATHS;
  };
  const gone = db.prepare(`SELECT path FROM gone AS g WHERE folder = ?
    AND NOT EXISTS (SELECT 1 FROM file WHERE file.folder = g.folder AND file.path = g.path) ORDER BY path`);
  for (const row of gone.iterate(folder)) {
    const path = String(row['path']);
    if (!hasRoom(path)) return { put, drop, isAll: false };
    drop.push(path);
  }
  const untold = db.prepare(
    'SELECT path, size, file_id FROM file INDEXED BY file_untold WHERE folder = ? AND told = 0 ORDER BY path',
  );
  for (const row of untold.iterate(folder)) {
    const path = String(row['path']);
    if (!hasRoom(path)) return { put, drop, isAll: false };
    put.push({ path, size: Number(row['size']), fileId: Buffer.from(row['file_id'] as Uint8Array).toString('hex') });
  }
  return { put, drop, isAll: true };
}

/** The tracker has them. A file that changed meanwhile stays untold. */
export function setTold(db: DatabaseSync, root: string, { put, drop }: UntoldPaths): void {
  const folder = folderOf(db, root);
  const tell = db.prepare('UPDATE file SET told = 1 WHERE folder = ? AND path = ? AND file_id = ?');
  const forget = db.prepare('DELETE FROM gone WHERE folder = ? AND path = ?');
  db.exec('BEGIN IMMEDIATE');
  for (const { path, fileId } of put) tell.run(folder, path, Buffer.from(fileId, 'hex'));
  for (const path of drop) forget.run(folder, path);
  db.exec('COMMIT');
}
