/** Writes the listing of a folder from its table, hashing it on the way. Runs in a thread (`folder-worker.ts`). */
import { closeSync, fsyncSync, lstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

import { createBlake3 } from '../../../common/content/blake3.js';
import { chunkSizeFor } from '../../../common/content/chunk-size.js';
import { ContentError } from '../../../common/content/content-error.js';
import { type FileId, fileIdFromHash } from '../../../common/content/file-id.js';
import { listingLine, MAX_LISTING_BYTES } from '../../../common/content/folder-listing.js';
import { folderIdOf, type Manifest } from '../../../common/content/manifest.js';
import { type FileIdentity, identityOf } from '../hashing/file-identity.js';
import { FILE_COLUMNS, folderOf, type KnownFile, knownFile } from './folder-table.js';

/** Its manifest is the one of the listing. */
export interface Listing extends Manifest {
  readonly folderId: FileId;
  readonly file: string;
  readonly identity: FileIdentity;
  readonly files: number;
  /** Bytes of all files. */
  readonly bytes: number;
}

/** Writes the listing of what the table has now to `<directory>/<folderId>.list`. @throws {ContentError} `too-large`. */
export function writeListing(db: DatabaseSync, root: string, directory: string): Listing {
  const folder = folderOf(db, root);
  const draft = join(directory, `${folder}.draft`);
  const fd = openSync(draft, 'w', 0o600);
  let listing: ListingWriter;
  try {
    listing = new ListingWriter(fd, root);
    for (const row of db.prepare(`SELECT ${FILE_COLUMNS} FROM file WHERE folder = ? ORDER BY path`).iterate(folder))
      listing.add(knownFile(row));
    listing.end();
    fsyncSync(fd);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  const manifest = listing.manifest();
  const folderId = folderIdOf(manifest);
  const file = join(directory, `${folderId}.list`);
  // The one that is there may be open for others, who would take a new one for a change.
  if (lstatSync(file, { throwIfNoEntry: false })?.size === manifest.size) rmSync(draft);
  else renameSync(draft, file);
  const { files, bytes } = listing;
  return {
    ...{ folderId, file, files, bytes, ...manifest },
    identity: identityOf(lstatSync(file, { bigint: true })),
  };
}

const WRITE_BYTES = 256 * 1024;

/** Hashes the lines while they are written: a listing of 256 MiB is not in memory at any time. */
class ListingWriter {
  files = 0;
  bytes = 0;
  readonly #hasher = createBlake3();
  readonly #hashes: Uint8Array[] = [];
  #lines: string[] = [];
  #waiting = 0;
  #size = 0;

  constructor(
    private readonly fd: number,
    private readonly root: string,
  ) {}

  add({ path, size, fileId, isExecutable }: KnownFile): void {
    const line = listingLine(
      fileId === undefined
        ? { path, dir: true }
        : { path, size, fileId: fileIdFromHash(fileId), executable: isExecutable },
    );
    if (fileId !== undefined) {
      this.files += 1;
      this.bytes += size;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    if (this.#waiting >= WRITE_BYTES) this.#write();
  }

  end(): void {
    this.#write();
    const filled = this.#size % chunkSizeFor(this.#size);
    if (filled > 0) this.#hashes.push(this.#hasher.digest());
  }

  manifest(): Manifest {
    return { size: this.#size, chunkSize: chunkSizeFor(this.#size), hashes: Buffer.concat(this.#hashes) };
  }

  #write(): void {
    const bytes = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#waiting = 0;
    if (this.#size + bytes.length > MAX_LISTING_BYTES)
      throw new ContentError('too-large', `the list of ${this.root} is longer than 256 MiB: publish its parts`);
    for (let done = 0; done < bytes.length; ) done += writeSync(this.fd, bytes, done);
    const chunkSize = chunkSizeFor(0); // of every listing: none is as long as a larger one would need
    for (let rest = bytes; rest.length > 0; ) {
      const part = rest.subarray(0, chunkSize - (this.#size % chunkSize));
      this.#hasher.update(part);
      this.#size += part.length;
      if (this.#size % chunkSize === 0) this.#hashes.push(this.#hasher.digest());
      rest = rest.subarray(part.length);
    }
  }
}
