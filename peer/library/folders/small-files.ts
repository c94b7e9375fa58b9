/**
 * Reads small files of a folder for whoever fetches it, in a thread: found by content in the table, opened without following links, and
 * given only while they are what was hashed. No path ever comes from the wire.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';

import { blake3 } from '../../../common/content/blake3.js';
import { chunkSizeFor } from '../../../common/content/chunk-size.js';
import { fileIdOf } from '../../../common/content/manifest.js';
import { compareIdentity, identityOf } from '../hashing/file-identity.js';
import { FILE_COLUMNS, type KnownFile, knownFile } from './folder-table.js';
import { READ_FLAGS } from './hash-small.js';

/** Bytes of one answer, unless its first file alone has more. */
const ANSWER_BYTES = 1024 * 1024;

export interface SmallFiles {
  /** One file after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many of the files that were asked for are in `bytes`. */
  readonly count: number;
  /** Why the next one is not: it is not in the folder, not there any more, or not what was hashed. */
  readonly problem?: 'not-found' | 'gone' | 'changed';
}

export class SmallFileReader {
  readonly #find: StatementSync;
  readonly #scratch = Buffer.allocUnsafeSlow(2 * ANSWER_BYTES);

  constructor(private readonly db: DatabaseSync) {
    this.#find = db.prepare(`SELECT ${FILE_COLUMNS} FROM file INDEXED BY file_content
      WHERE folder = (SELECT folder FROM folder WHERE root = ?) AND file_id = ?`);
  }

  /** As many of `fileIds` as fit one answer, at least one when it can be read. */
  read(root: string, fileIds: readonly string[]): SmallFiles {
    this.db.exec('BEGIN'); // One look at the table for all of them.
    try {
      return this.#readAll(root, fileIds);
    } finally {
      this.db.exec('COMMIT');
    }
  }

  #readAll(root: string, fileIds: readonly string[]): SmallFiles {
    let filled = 0;
    let count = 0;
    let problem: SmallFiles['problem'];
    for (const fileId of fileIds) {
      const into = this.#scratch.subarray(filled);
      const taken = this.#readOne(root, fileId, { into, isFirst: count === 0 });
      if (taken === 'full') break;
      if (typeof taken === 'string') {
        problem = taken;
        break;
      }
      filled += taken;
      count += 1;
    }
    const bytes = Uint8Array.prototype.slice.call(this.#scratch, 0, filled) as Uint8Array<ArrayBuffer>;
    return { bytes, count, ...(problem === undefined ? {} : { problem }) };
  }

  #readOne(
    root: string,
    fileId: string,
    { into, isFirst }: { into: Buffer; isFirst: boolean },
  ): number | 'full' | NonNullable<SmallFiles['problem']> {
    let problem: NonNullable<SmallFiles['problem']> = 'not-found';
    for (const row of this.#find.iterate(root, Buffer.from(fileId, 'hex'))) {
      const file = knownFile(row);
      if (file.size > chunkSizeFor(0)) return 'not-found'; // has chunks, and is asked for by them
      if (!isFirst && file.size > into.length - ANSWER_BYTES) return 'full';
      const found = readFile(join(root, file.path), file, into);
      if (typeof found === 'number') return found;
      problem = found; // the same content may lie at another path
    }
    return problem;
  }
}

function readFile(path: string, known: KnownFile, into: Buffer): number | 'gone' | 'changed' {
  let fd: number;
  try {
    fd = openSync(path, READ_FLAGS);
  } catch {
    return 'gone'; // Whatever keeps it from being opened, it cannot be had here.
  }
  try {
    const content = into.subarray(0, known.size);
    const before = identityOf(fstatSync(fd, { bigint: true }));
    if (compareIdentity(known.identity, before) === 'changed') return 'changed';
    for (let done = 0; done < content.length; ) {
      const bytesRead = readSync(fd, content, done, content.length - done, done);
      if (bytesRead === 0) return 'changed';
      done += bytesRead;
    }
    const now = identityOf(fstatSync(fd, { bigint: true }));
    if (compareIdentity(known.identity, now) === 'same') return content.length;
    return compareIdentity(before, now) === 'same' && isContent(content, known) ? content.length : 'changed';
  } catch {
    return 'changed'; // It was opened and could not be read: the disk may be failing.
  } finally {
    closeSync(fd);
  }
}

/** Only ctime differs: rights may have changed, or the content with its old time set again. */
function isContent(content: Uint8Array, { size, fileId }: KnownFile): boolean {
  const hashes = size === 0 ? new Uint8Array(0) : blake3(content);
  const found = fileIdOf({ size, chunkSize: chunkSizeFor(size), hashes });
  return fileId !== undefined && found === Buffer.from(fileId).toString('hex');
}
