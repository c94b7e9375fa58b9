/**
 * Reads SQLite's write-ahead log as the bytes it is (https://sqlite.org/fileformat2.html#walformat). SQLite ends silently at the first
 * frame whose checksum is wrong, and drops what was committed behind it: here that is noticed. Opens and closes the log alone, never the
 * database file: closing any descriptor of that one would drop SQLite's own locks of this process.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;

/** What is wrong at `offset` of the log. `torn`: nothing whole lies behind it. `damaged`: whole writes do, and SQLite would drop them. */
export interface WalProblem {
  readonly kind: 'torn' | 'damaged';
  readonly offset: number;
}

export interface WalScan {
  /** The newest committed content of each page: where it begins in the log. */
  readonly offsetByPage: ReadonlyMap<number, number>;
  readonly pageBytes: number;
  readonly problem: WalProblem | undefined;
}

const NO_LOG: WalScan = { offsetByPage: new Map(), pageBytes: 0, problem: undefined };

/** The log at `path`; one that is not there is empty. `mayTrust`: checksums are not computed, for a log of our own that is in use. */
export function scanWal(path: string, { mayTrust }: { readonly mayTrust: boolean }): WalScan {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return NO_LOG;
    throw error;
  }
  try {
    return new Scan(fd, mayTrust).run();
  } finally {
    closeSync(fd);
  }
}

interface Sum {
  a: number;
  b: number;
}

class Scan {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  readonly #committed = new Map<number, number>();
  /** Of a transaction whose end has not been seen. */
  readonly #open = new Map<number, number>();
  #isLittleEndian = true;

  constructor(
    private readonly fd: number,
    private readonly mayTrust: boolean,
  ) {}

  run(): WalScan {
    const { size } = fstatSync(this.fd);
    if (size < HEADER_BYTES) return { ...NO_LOG, problem: size === 0 ? undefined : { kind: 'torn', offset: 0 } };
    readSync(this.fd, this.#header, 0, HEADER_BYTES, 0);
    const magic = this.#header.readUInt32BE(0);
    const pageBytes = this.#header.readUInt32BE(8);
    this.#isLittleEndian = magic === MAGIC_LITTLE_ENDIAN;
    const sum = this.#add({ a: 0, b: 0 }, this.#header, 0, HEADER_BYTES - 8);
    const isKnown = this.#isLittleEndian || magic === MAGIC_BIG_ENDIAN;
    if (!isKnown || !isSum(sum, this.#header, HEADER_BYTES - 8)) {
      return { ...NO_LOG, problem: { kind: 'damaged', offset: 0 } };
    }
    const problem = this.#readFrames(sum, { size, pageBytes });
    return { offsetByPage: this.#committed, pageBytes, problem };
  }

  #readFrames(first: Sum, { size, pageBytes }: { size: number; pageBytes: number }): WalProblem | undefined {
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes);
    let sum = first;
    let offset = HEADER_BYTES;
    for (; offset + frame.length <= size; offset += frame.length) {
      readSync(this.fd, frame, 0, this.mayTrust ? FRAME_HEADER_BYTES : frame.length, offset);
      if (this.#matchingSalts(frame) < 2 || !this.#isWhole(sum, frame)) break;
      this.#take(frame, offset + FRAME_HEADER_BYTES);
      sum = { a: frame.readUInt32BE(16), b: frame.readUInt32BE(20) };
    }
    if (this.mayTrust) return undefined;
    return this.#judgeEnd(offset, { size, frame });
  }

  #isWhole(before: Sum, frame: Buffer): boolean {
    if (this.mayTrust) return true;
    const sum = this.#add(this.#add(before, frame, 0, 8), frame, FRAME_HEADER_BYTES, frame.length);
    return isSum(sum, frame, 16);
  }

  #take(frame: Buffer, contentOffset: number): void {
    this.#open.set(frame.readUInt32BE(0), contentOffset);
    if (frame.readUInt32BE(4) === 0) return; // not the last frame of its transaction
    for (const [page, place] of this.#open) this.#committed.set(page, place);
    this.#open.clear();
  }

  /** A whole commit behind the end that SQLite sees was there before the one after it began: no crash leaves that. */
  #judgeEnd(end: number, { size, frame }: { size: number; frame: Buffer }): WalProblem | undefined {
    let commits = 0;
    let isSuspicious = this.#open.size > 0 || (size > end && size - end < frame.length);
    for (let offset = end; offset + frame.length <= size; offset += frame.length) {
      readSync(this.fd, frame, 0, FRAME_HEADER_BYTES, offset);
      const salts = this.#matchingSalts(frame);
      if (salts > 0) isSuspicious = true; // one of an older log has neither
      if (salts === 2 && frame.readUInt32BE(4) !== 0) commits += 1;
    }
    if (commits > 1) return { kind: 'damaged', offset: end };
    return isSuspicious ? { kind: 'torn', offset: end } : undefined;
  }

  #matchingSalts(frame: Buffer): number {
    const isSame = (at: number): number => Number(frame.readUInt32BE(8 + at) === this.#header.readUInt32BE(16 + at));
    return isSame(0) + isSame(4);
  }

  #add({ a, b }: Sum, bytes: Buffer, start: number, end: number): Sum {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const sum = { a, b };
    for (let at = start; at < end; at += 8) {
      sum.a = (sum.a + view.getUint32(at, this.#isLittleEndian) + sum.b) >>> 0;
      sum.b = (sum.b + view.getUint32(at + 4, this.#isLittleEndian) + sum.a) >>> 0;
    }
    return sum;
  }
}

function isSum({ a, b }: Sum, bytes: Buffer, at: number): boolean {
  return bytes.readUInt32BE(at) === a && bytes.readUInt32BE(at + 4) === b;
}
