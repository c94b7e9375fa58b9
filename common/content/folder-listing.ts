/**
 * What is in a folder: one JSON line an entry, sorted by the UTF-8 bytes of `path`, so that the same files make the same bytes and the
 * same id whoever lists them. What arrives is judged line by line, and nothing of it is used before all of it was judged: the attacker
 * is whoever publishes, and every path becomes a name on our disk. Knows no files and no sockets. See docs/protocol.md "Content".
 */
import { MAX_FILE_BYTES } from './chunk-size.js';
import { ContentError } from './content-error.js';
import { type FileId, isFileId } from './file-id.js';
import { checkRelativePath } from './file-name.js';
import { PathClashes } from './path-clashes.js';

export const MAX_FOLDER_ENTRIES = 1_000_000;
export const MAX_LISTING_BYTES = 256 * 1024 * 1024;
/** The longest path, every byte of it escaped, and the other fields. */
const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export interface FolderFile {
  /** Inside the folder, parts joined by "/". */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly fileId: FileId;
  readonly executable: boolean;
}

/** Only empty directories are entries; others follow from the paths of files. */
export interface EmptyDirectory {
  readonly path: string;
  readonly dir: true;
}

export type FolderEntry = FolderFile | EmptyDirectory;

export interface FolderTotals {
  readonly entries: number;
  readonly files: number;
  /** Of all files together. */
  readonly bytes: number;
}

export function isFolderFile(entry: FolderEntry): entry is FolderFile {
  return !('dir' in entry);
}

/** The line of an entry, its end included. */
export function listingLine(entry: FolderEntry): string {
  if (!isFolderFile(entry)) return `${JSON.stringify({ path: entry.path, dir: true })}\n`;
  const { path, size, fileId, executable } = entry;
  return `${JSON.stringify({ path, size, fileId, executable })}\n`;
}

/** The order of paths in a listing: that of their UTF-8 bytes, which is not that of JavaScript for characters beyond U+D7FF. */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const [x, y] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (x !== y) return utf8Rank(x) - utf8Rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for characters behind all others. */
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

export interface ListingOptions {
  /** The same listing was read to its end before: clashes are not looked for again. */
  readonly isProven?: boolean;
  /** Default: `MAX_FOLDER_ENTRIES`. */
  readonly mostEntries?: number;
}

/** Reads a listing that comes in parts. @throws {ContentError} `bad-listing`, saying in which line and why. */
export class ListingReader {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #clashes: PathClashes | undefined;
  readonly #mostEntries: number;
  #rest: Uint8Array = new Uint8Array(0);
  #last: string | undefined;
  #entries = 0;
  #files = 0;
  #bytes = 0;

  constructor({ isProven = false, mostEntries = MAX_FOLDER_ENTRIES }: ListingOptions = {}) {
    this.#mostEntries = mostEntries;
    this.#clashes = isProven ? undefined : new PathClashes();
  }

  /** The entries whose lines end in `bytes`. */
  *push(bytes: Uint8Array): Generator<FolderEntry, void, undefined> {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let end = all.indexOf(NEWLINE); end >= 0; end = all.indexOf(NEWLINE, start)) {
      yield this.#entry(all.subarray(start, end));
      start = end + 1;
    }
    if (all.length - start > MAX_LINE_BYTES) this.#refuse('is too long');
    this.#rest = all.slice(start);
  }

  /** Judges what only the whole can tell. */
  end(): FolderTotals {
    if (this.#rest.length > 0) this.#refuse('has no end');
    this.#clashes?.check();
    return { entries: this.#entries, files: this.#files, bytes: this.#bytes };
  }

  #entry(line: Uint8Array): FolderEntry {
    this.#entries += 1;
    if (this.#entries > this.#mostEntries)
      throw badListing(`it has more than ${this.#mostEntries.toLocaleString('en')} entries`);
    if (line.length > MAX_LINE_BYTES) this.#refuse('is too long');
    const entry = this.#parse(line);
    const problem = checkRelativePath(entry.path);
    if (problem !== undefined) this.#refuse(`has a path that is not allowed: ${problem.message}`);
    this.#refuseDisorder(entry.path);
    this.#clashes?.add(entry.path);
    if (isFolderFile(entry)) {
      this.#files += 1;
      this.#bytes += entry.size;
      if (!Number.isSafeInteger(this.#bytes)) this.#refuse('makes the folder larger than any disk');
    }
    return entry;
  }

  #parse(line: Uint8Array): FolderEntry {
    let value: unknown;
    try {
      value = JSON.parse(this.#decoder.decode(line));
    } catch {
      return this.#refuse('is not JSON in UTF-8');
    }
    if (typeof value !== 'object' || value === null) return this.#refuse('is no entry');
    const own = (key: string): unknown =>
      Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
    const [path, dir, size, fileId, executable] = ['path', 'dir', 'size', 'fileId', 'executable'].map(own);
    if (typeof path !== 'string') return this.#refuse('has no path');
    if (dir === true) return { path, dir };
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size > MAX_FILE_BYTES)
      return this.#refuse('has no size that a file can have');
    if (typeof fileId !== 'string' || !isFileId(fileId)) return this.#refuse('has no file id');
    if (typeof executable !== 'boolean') return this.#refuse('does not say whether it is executable');
    return { path, size, fileId, executable };
  }

  #refuseDisorder(path: string): void {
    const order = this.#last === undefined ? -1 : comparePaths(this.#last, path);
    if (order === 0) this.#refuse('names a path a second time');
    if (order > 0) this.#refuse('is not in the order of paths');
    this.#last = path;
  }

  #refuse(why: string): never {
    throw badListing(`its line ${Math.max(1, this.#entries)} ${why}`);
  }
}

export function badListing(why: string): ContentError {
  return new ContentError('bad-listing', `the list of this folder is not acceptable: ${why}`);
}
