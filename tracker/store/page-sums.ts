/**
 * Checksums of the database's pages, in a log beside it: SQLite has none, and would answer from a page that a disk has changed. Records
 * are appended, on the disk before the pages they speak of can leave the write-ahead log; the newest of a page counts. Several processes
 * may append, each while it holds the database's write lock.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { platform } from 'node:os';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

const MAGIC = Buffer.from('shoal sums 1\n');
const ENTRY_BYTES = 8;
/** A whole number of pages of any size. */
const READ_BYTES = 1024 * 1024;
/** A log this much longer than its newest entries is written anew. */
const SLACK = 3;
const SLACK_BYTES = 1024 * 1024;

/** Sum by page, 0 where none is known. Index 0 is unused: pages are counted from 1. */
export type Sums = Uint32Array;
type Entry = readonly [page: number, sum: number];

/** Never 0. The number is in it, so that a page in another's place is noticed. */
export function sumOf(content: Buffer, page: number): number {
  return crc32(content, page) || 1;
}

export function sumsPath(storePath: string): string {
  return `${storePath}-sums`;
}

/** `missing`: there is no log. `unreadable`: it is damaged itself, and proves nothing. */
export function loadSums(storePath: string): Sums | 'missing' | 'unreadable' {
  let bytes: Buffer;
  try {
    bytes = readFileSync(sumsPath(storePath));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'missing';
    throw error;
  }
  const records = bytes.subarray(0, MAGIC.length).equals(MAGIC) ? readRecords(bytes) : undefined;
  return records === undefined ? 'unreadable' : newestOf(records);
}

/** Entries as they lie in the file. A last record that is cut off was never relied on: its pages are still in the write-ahead log. */
function readRecords(bytes: Buffer): Buffer[] | undefined {
  const records: Buffer[] = [];
  for (let at = MAGIC.length; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at) * ENTRY_BYTES;
    if (end + 4 > bytes.length) return records;
    if (crc32(bytes.subarray(at, end)) !== bytes.readUInt32BE(end)) return undefined;
    records.push(bytes.subarray(at + 4, end));
    at = end + 4;
  }
  return records;
}

function newestOf(records: readonly Buffer[]): Sums {
  let last = 0;
  for (const record of records)
    for (let at = 0; at < record.length; at += ENTRY_BYTES) last = Math.max(last, record.readUInt32BE(at));
  const sums = new Uint32Array(1 + last);
  for (const record of records)
    for (let at = 0; at < record.length; at += ENTRY_BYTES) sums[record.readUInt32BE(at)] = record.readUInt32BE(at + 4);
  return sums;
}

function encodeRecord(entries: readonly Entry[]): Buffer {
  const record = Buffer.alloc(8 + entries.length * ENTRY_BYTES);
  let at = record.writeUInt32BE(entries.length, 0);
  for (const [page, sum] of entries) at = record.writeUInt32BE(sum, record.writeUInt32BE(page, at));
  record.writeUInt32BE(crc32(record.subarray(0, at)), at);
  return record;
}

/** Durable when it returns. Where there is no log none is made: a part of one would pass for a whole one. */
export function appendSums(storePath: string, entries: readonly Entry[]): void {
  const path = sumsPath(storePath);
  if (entries.length === 0 || !existsSync(path)) return;
  appendFileSync(path, encodeRecord(entries), { flush: true });
}

/** Writes the log of a database of so many pages anew, with its newest entries alone, once most of it is out of date. The write lock is held. */
export function compactSums(storePath: string, pages: number): void {
  const { size } = statSync(sumsPath(storePath), { throwIfNoEntry: false }) ?? { size: 0 };
  if (size <= SLACK_BYTES + SLACK * ENTRY_BYTES * pages) return; // to read all of it each time costs more than it saves
  const sums = loadSums(storePath);
  if (typeof sums !== 'string') replaceSums(storePath, sums);
}

/** Replaces the log by one of these sums alone. */
export function replaceSums(storePath: string, sums: Sums): void {
  const entries = [...sums.entries()].filter(([, sum]) => sum !== 0);
  const path = sumsPath(storePath);
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, Buffer.concat([MAGIC, encodeRecord(entries)]), { mode: 0o600, flush: true });
  renameSync(temporary, path);
  syncFolderOf(path);
}

/** Nothing is known any more: the next start has SQLite look through the whole store instead. */
export function dropSums(storePath: string): void {
  rmSync(sumsPath(storePath), { force: true });
  syncFolderOf(storePath);
}

function syncFolderOf(path: string): void {
  if (platform() === 'win32') return; // Windows has no handle for this
  const fd = openSync(dirname(path), 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The pages of the database file as they are. */
export function sumsOfFile(fd: number): Sums {
  const pageBytes = pageBytesOf(fd);
  const sums = new Uint32Array(1 + Math.floor(fstatSync(fd).size / pageBytes));
  const block = Buffer.alloc(Math.max(pageBytes, READ_BYTES));
  for (let at = 0, page = 1; page < sums.length; at += block.length) {
    const length = readSync(fd, block, 0, block.length, at);
    for (let start = 0; start + pageBytes <= length; start += pageBytes, page += 1)
      sums[page] = sumOf(block.subarray(start, start + pageBytes), page);
  }
  return sums;
}

/** From the file's own header; 1 stands for 65,536 there. */
export function pageBytesOf(fd: number): number {
  const header = Buffer.alloc(2);
  readSync(fd, header, 0, 2, 16);
  const bytes = header.readUInt16BE(0) === 1 ? 65_536 : header.readUInt16BE(0);
  return bytes >= 512 && (bytes & (bytes - 1)) === 0 ? bytes : 4_096;
}
