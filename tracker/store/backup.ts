/**
 * A backup is one SQLite file: the store as it was at one moment, and in it the files without which it is worth little (the tracker's
 * identity, the seal key). Beside it lies its SHA-256 in the form of `sha256sum`. It can be made while a tracker runs.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { syncDir, writeFileDurably } from '../../common/runtime/files.js';
import { sumsPath } from './page-sums.js';
import { END_SESSIONS, EPOCH_JUMP } from './put-back.js';
import { openEngine } from './sqlite-engine.js';
import { fromSqlite, StoreError } from './store-error.js';
import { requireSound } from './store-health.js';

const FILES_TABLE = 'CREATE TABLE backup_files (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID';

export interface RestoreOptions {
  /** Now, ms since epoch. */
  readonly at: number;
  /** Everybody has to log in again, with a password. */
  readonly endSessions?: boolean;
}

/** A file of the data folder that travels with the store. */
export interface KeptFile {
  readonly name: string;
  readonly content: Uint8Array;
}

/**
 * Writes the store at `path` and `files` to `target`, which must not exist. `isBeside`: a tracker runs on the store.
 * Resolves with the file's SHA-256 when it is on the disk. @throws {StoreError}
 */
export async function backUp(
  path: string,
  target: string,
  { files, isBeside }: { readonly files: readonly KeptFile[]; readonly isBeside: boolean },
): Promise<string> {
  const temporary = `${target}.unfinished`;
  try {
    await rm(temporary, { force: true });
    await writeFile(temporary, '', { flag: 'wx', mode: 0o600 }); // it will hold hashes and the tracker's key
    copyStore(path, temporary, isBeside);
    addFiles(temporary, files);
    const hash = await sha256Of(temporary);
    await using file = await open(temporary, 'r+');
    await file.sync();
    // Wherever this ends, no backup lies beside the sum of another, which would keep it from being restored.
    await rm(sumFileOf(target), { force: true });
    await syncDir(dirname(target));
    await rename(temporary, target);
    await writeFileDurably(sumFileOf(target), `${hash}  ${basename(target)}\n`);
    return hash;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // the folder may be none
    throw error instanceof Error && 'syscall' in error ? notWritten(target, error) : fromSqlite(error);
  }
}

function notWritten(target: string, cause: Error): StoreError {
  const { code } = cause as NodeJS.ErrnoException;
  const message = `${target} cannot be written (${code}). Choose a place where you may write, with room.`;
  return new StoreError('storage', message, { cause });
}

function copyStore(path: string, target: string, isBeside: boolean): void {
  const engine = openEngine({ path, shouldVerify: !isBeside });
  try {
    engine.database.prepare('VACUUM INTO ?').run(target);
  } finally {
    engine.close();
  }
}

function addFiles(path: string, files: readonly KeptFile[]): void {
  const database = new DatabaseSync(path);
  try {
    database.exec(FILES_TABLE);
    const insert = database.prepare('INSERT INTO backup_files (name, content) VALUES (?, ?)');
    for (const { name, content } of files) insert.run(name, content);
    requireSound(database, path);
  } finally {
    database.close();
  }
}

/**
 * Makes a store of the backup at `source`, under the name `target`, where nothing lies. Resolves with the files that were kept in it.
 * @throws {StoreError} `corrupt` when the backup is not what was written, `newer-schema`, `unreadable`.
 */
export async function restoreTo(target: string, source: string, options: RestoreOptions): Promise<KeptFile[]> {
  if (!existsSync(source)) throw new StoreError('unreadable', `there is no file ${source}.`);
  await requireHash(source);
  const temporary = `${target}.unfinished`;
  for (const part of ['', '-wal', '-shm', '-journal']) await rm(temporary + part, { force: true });
  await rm(sumsPath(temporary), { force: true });
  await pipeline(createReadStream(source), (await open(temporary, 'wx', 0o600)).createWriteStream());
  const files = takeFiles(temporary, source, options);
  openEngine({ path: temporary, shouldVerify: true }).close(); // brought up to date, with checksums
  await rename(sumsPath(temporary), sumsPath(target));
  await rename(temporary, target);
  await syncDir(dirname(target));
  return files;
}

function takeFiles(path: string, source: string, { at, endSessions = false }: RestoreOptions): KeptFile[] {
  const database = new DatabaseSync(path);
  try {
    requireSound(database, source);
    const rows = database.prepare('SELECT name, content FROM backup_files').all();
    database.exec('DROP TABLE backup_files');
    database.prepare(`UPDATE counters SET value = max(value, ?) + ${EPOCH_JUMP} WHERE name = 'epoch'`).run(at);
    if (endSessions) database.exec(END_SESSIONS);
    return rows.map(({ name, content }) => ({ name: String(name), content: content as Uint8Array }));
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw noBackup(source, error);
  } finally {
    database.close();
  }
}

function noBackup(source: string, cause: unknown): StoreError {
  return new StoreError('corrupt', `${source} is no backup of a tracker, or it is damaged.`, { cause });
}

async function requireHash(source: string): Promise<void> {
  if (!existsSync(sumFileOf(source))) return;
  const [expected] = (await readFile(sumFileOf(source), 'utf8')).split(' ', 1);
  if (expected === (await sha256Of(source))) return;
  throw new StoreError(
    'corrupt',
    `${source} is not what was written: its SHA-256 is not the one in ${sumFileOf(source)}. Use another backup.`,
  );
}

function sumFileOf(path: string): string {
  return `${path}.sha256`;
}

async function sha256Of(path: string): Promise<string> {
  const hash: Hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
