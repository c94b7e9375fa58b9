/**
 * Brings the table of one folder up to date with the disk, and writes its listing. Only what changed is read: a file that is known, here
 * or under another path, by inode, size and time keeps its hashes. Runs in a thread (`folder-worker.ts`); large files are hashed by all
 * cores, by whoever called, and come back with `record`.
 */
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { HASH_BYTES } from '../../../common/content/blake3.js';
import { ContentError } from '../../../common/content/content-error.js';
import { comparePaths, MAX_FOLDER_ENTRIES } from '../../../common/content/folder-listing.js';
import { compareIdentity, type FileIdentity, identityOf } from '../hashing/file-identity.js';
import { FILE_COLUMNS, folderOf, type KnownFile, knownFile, signed } from './folder-table.js';
import { hashSmall } from './hash-small.js';
import { type Found, walkFolder } from './walk-folder.js';

/** From here on all cores together are faster, although the file has to be handed over. */
export const LARGE_BYTES = 16 * 1024 * 1024;
/** Changes of one transaction: a scan that is killed has so much to read again at most. */
const BATCH_ROWS = 2_000;
const MAX_EXAMPLES = 8;
const FILES_PER_TURN = 256;
/** Directories whose changes are watched one by one. */
const MAX_DIRECTORIES = 8_192;

export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export interface ScanOutcome {
  /** Files that the caller has to hash and `record` before the listing can be written. */
  readonly large: readonly { readonly path: string; readonly size: number }[];
  readonly skippedCount: number;
  /** The first ones. */
  readonly skipped: readonly Skipped[];
  /** Of the folder, itself included; the first ones. */
  readonly directories: readonly string[];
  /** Files that were read because they were not known. */
  readonly hashedFiles: number;
}

export interface ScanWork {
  readonly db: DatabaseSync;
  /** Another connection to the same table: it reads while `db` writes. */
  readonly reader: DatabaseSync;
  /** Read every file again that was touched in any way: somebody says that one is not what it was. */
  readonly isStrict: boolean;
  readonly onProgress: (files: number) => void;
  readonly isStopped: () => boolean;
}

/** @throws {ContentError} when `root` cannot be read, or holds too much. */
export async function scanFolder(root: string, work: ScanWork): Promise<ScanOutcome> {
  refuseOther(root);
  return new Scan(root, work).run();
}

function refuseOther(root: string): void {
  const stats = lstatSync(root, { throwIfNoEntry: false });
  if (stats === undefined) throw new ContentError('not-found', `${root} does not exist`);
  if (stats.isSymbolicLink())
    throw new ContentError('symlink', `${root} is a symbolic link; give the folder it points to`);
  if (!stats.isDirectory()) throw new ContentError('not-a-file', `${root} is no folder`);
}

class Scan {
  readonly #folder: number;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #sameInode: StatementSync;
  readonly #large: { path: string; size: number }[] = [];
  readonly #skipped: Skipped[] = [];
  readonly #directories: string[] = [];
  #skippedCount = 0;
  #seen = 0;
  #hashed = 0;
  #changes = 0;

  constructor(
    private readonly root: string,
    private readonly work: ScanWork,
  ) {
    const { db, reader } = work;
    this.#folder = folderOf(db, root);
    this.#put = preparePut(db);
    this.#drop = db.prepare('DELETE FROM file WHERE folder = ? AND path = ? RETURNING told, file_id');
    // As things were when the scan began: the old name of a moved file may be gone from the table already.
    this.#sameInode = reader.prepare(
      `SELECT ${FILE_COLUMNS} FROM file INDEXED BY file_inode WHERE ino = ? AND dev = ? AND size = ? AND mtime_ns = ? AND file_id IS NOT NULL LIMIT 1`,
    );
  }

  async run(): Promise<ScanOutcome> {
    const { db } = this.work;
    db.exec('BEGIN IMMEDIATE');
    try {
      await this.#merge();
      db.exec('COMMIT');
    } catch (error) {
      // What was hashed up to here is right, and need not be read again.
      if (db.isTransaction) db.exec('COMMIT');
      throw error;
    }
    return {
      large: this.#large,
      skippedCount: this.#skippedCount,
      skipped: this.#skipped,
      directories: this.#directories,
      hashedFiles: this.#hashed,
    };
  }

  /** Both the walk and the table come in the order of paths: whatever is in one only is new or gone. */
  async #merge(): Promise<void> {
    const known = this.work.reader
      .prepare(`SELECT ${FILE_COLUMNS} FROM file WHERE folder = ? ORDER BY path`)
      .iterate(this.#folder);
    let row = next(known);
    for (const found of this.#walk()) {
      while (row !== undefined && comparePaths(row.path, found.path) < 0) {
        this.#gone(row.path);
        row = next(known);
      }
      const before = row?.path === found.path ? row : undefined;
      if (before !== undefined) row = next(known);
      this.#take(found, before);
      // What hashing leaves outside the heap is freed between two turns of the event loop only: 3 KB a file otherwise.
      if (this.#seen % FILES_PER_TURN === 0) await nextTurn();
    }
    for (; row !== undefined; row = next(known)) this.#gone(row.path);
  }

  #walk(): Generator<Found, void, undefined> {
    return walkFolder(this.root, {
      onSkipped: (path, reason) => this.#skip(path, reason),
      onDirectory: (path) => {
        if (this.#directories.length < MAX_DIRECTORIES) this.#directories.push(path);
      },
    });
  }

  #take(found: Found, before: KnownFile | undefined): void {
    const { onProgress, isStopped } = this.work;
    this.#seen += 1;
    if (this.#seen > MAX_FOLDER_ENTRIES)
      throw new ContentError(
        'too-large',
        `${this.root} holds more than ${MAX_FOLDER_ENTRIES} files: publish its parts`,
      );
    if (this.#seen % 256 === 0) {
      onProgress(this.#seen);
      if (isStopped()) throw new ContentError('changed-while-hashing', `reading ${this.root} was stopped`);
    }
    if (found.kind === 'empty-directory') this.#takeDirectory(found.path, before);
    else this.#takeFile(found.path, before);
  }

  #takeDirectory(path: string, before: KnownFile | undefined): void {
    if (before !== undefined && before.fileId === undefined) return;
    if (before !== undefined) this.#gone(path);
    this.#put.run(this.#folder, path, 0, null, 0, 0, 0, 0, 0, null, 1);
    this.#changed();
  }

  #takeFile(path: string, before: KnownFile | undefined): void {
    const stats = lstatSync(join(this.root, path), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile()) {
      this.#lost(path, before, 'it went away while the folder was read');
      return;
    }
    const identity = identityOf(stats);
    const isExecutable = (stats.mode & 0o111n) !== 0n;
    const content = before?.fileId === undefined ? undefined : this.#sameContent(before, identity);
    if (content !== undefined && content.isExecutable === isExecutable) return;
    const known = content ?? (this.work.isStrict ? undefined : this.#movedFrom(identity));
    if (known !== undefined) this.#record(path, { ...known, isExecutable, path }, before);
    else if (identity.size >= BigInt(LARGE_BYTES)) {
      this.#large.push({ path, size: Number(identity.size) });
      if (before !== undefined) this.#gone(path);
    } else this.#hash(path, isExecutable, before);
  }

  #hash(path: string, isExecutable: boolean, before: KnownFile | undefined): void {
    try {
      const hashed = hashSmall(join(this.root, path));
      if (hashed === undefined) {
        this.#lost(path, before, 'it was being changed while it was read');
        return;
      }
      const { fileId, hashes, identity } = hashed;
      this.#hashed += 1;
      const size = Number(identity.size);
      this.#record(path, { path, size, fileId: Buffer.from(fileId, 'hex'), hashes, identity, isExecutable }, before);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      this.#lost(path, before, `it cannot be read (${String(error.code)})`);
    }
  }

  /** By inode, size and time, as at its own path; of another content with all these set again only its ctime tells, which is kept. */
  #movedFrom(identity: FileIdentity): KnownFile | undefined {
    const { dev, ino, size, mtimeNs } = identity;
    const row = this.#sameInode.get(signed(ino), signed(dev), size, mtimeNs);
    return row === undefined ? undefined : knownFile(row);
  }

  /** The row as it stays; with the ctime that was hashed, so that whoever serves the file looks at it again if it was touched. */
  #sameContent(before: KnownFile, now: FileIdentity): KnownFile | undefined {
    const stands = compareIdentity(before.identity, now);
    return stands === 'same' || (stands === 'ctime-differs' && !this.work.isStrict) ? before : undefined;
  }

  #record(path: string, file: KnownFile, before: KnownFile | undefined): void {
    const { dev, ino, size, mtimeNs, ctimeNs } = file.identity;
    const isSame =
      before?.fileId !== undefined && file.fileId !== undefined && Buffer.compare(before.fileId, file.fileId) === 0;
    const hashes = file.hashes !== undefined && file.hashes.length > HASH_BYTES ? file.hashes : null;
    const ids = [signed(dev), signed(ino), mtimeNs, ctimeNs] as const;
    if (isSame) this.#keepTold(path, file, ids);
    else this.#put.run(this.#folder, path, size, file.fileId ?? null, file.isExecutable ? 1 : 0, ...ids, hashes, 0);
    this.#changed();
  }

  #keepTold(
    path: string,
    file: KnownFile,
    [dev, ino, mtimeNs, ctimeNs]: readonly [bigint, bigint, bigint, bigint],
  ): void {
    this.work.db
      .prepare(
        'UPDATE file SET executable = ?, dev = ?, ino = ?, mtime_ns = ?, ctime_ns = ? WHERE folder = ? AND path = ?',
      )
      .run(file.isExecutable ? 1 : 0, dev, ino, mtimeNs, ctimeNs, this.#folder, path);
  }

  #lost(path: string, before: KnownFile | undefined, reason: string): void {
    this.#skip(path, reason);
    if (before !== undefined) this.#gone(path);
  }

  #gone(path: string): void {
    dropRow(this.work.db, this.#drop, this.#folder, path);
    this.#changed();
  }

  #skip(path: string, reason: string): void {
    this.#skippedCount += 1;
    if (this.#skipped.length < MAX_EXAMPLES) this.#skipped.push({ path, reason });
  }

  #changed(): void {
    this.#changes += 1;
    if (this.#changes % BATCH_ROWS === 0) this.work.db.exec('COMMIT; BEGIN IMMEDIATE');
  }
}

function next(rows: Iterator<Record<string, unknown>>): KnownFile | undefined {
  const { done, value } = rows.next();
  return done === true ? undefined : knownFile(value);
}

function preparePut(db: DatabaseSync): StatementSync {
  return db.prepare(`
    INSERT INTO file (folder, path, size, file_id, executable, dev, ino, mtime_ns, ctime_ns, hashes, told)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (folder, path) DO UPDATE SET size = excluded.size, file_id = excluded.file_id, executable = excluded.executable,
      dev = excluded.dev, ino = excluded.ino, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, hashes = excluded.hashes,
      told = excluded.told`);
}

function dropRow(db: DatabaseSync, statement: StatementSync, folder: number, path: string): void {
  const row = statement.get(folder, path);
  if (row === undefined || row['file_id'] === null || Number(row['told']) === 0) return;
  db.prepare('INSERT INTO gone VALUES (?, ?) ON CONFLICT DO NOTHING').run(folder, path);
}

/** A large file that was hashed elsewhere. */
export function recordFile(
  db: DatabaseSync,
  root: string,
  file: {
    readonly path: string;
    readonly fileId: string;
    readonly hashes: Uint8Array;
    readonly identity: FileIdentity;
  },
): void {
  const { dev, ino, size, mtimeNs, ctimeNs } = file.identity;
  const isExecutable = (statSync(join(root, file.path)).mode & 0o111) !== 0;
  const id = Buffer.from(file.fileId, 'hex');
  preparePut(db).run(
    ...[folderOf(db, root), file.path, size, id, isExecutable ? 1 : 0],
    ...[signed(dev), signed(ino), mtimeNs, ctimeNs, file.hashes, 0],
  );
}
