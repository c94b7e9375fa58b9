/**
 * Keeps the checksums of `page-sums.ts` true; `store-health.ts` judges by them. SQLite's own checkpoints are off: pages go from the
 * write-ahead log to the database only here, after their sums are on the disk. While a page is still in the log, what the database file
 * holds of it does not count.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { appendSums, compactSums, dropSums, loadSums, replaceSums, sumOf, sumsOfFile } from './page-sums.js';
import { ReadsBeside } from './reads-beside.js';
import { scanWal, type WalScan } from './wal-scan.js';

/** About 32 MiB: what many writes touch is moved once, not by each of them. */
const MOVE_AT_PAGES = 8_000;
/** How long the end of a process waits for another one that writes, ms. */
const CLOSE_WAIT_MS = 5_000;
/** Far longer than a search takes, ms. */
const READ_WAIT_MS = 2_000;

export interface GuardOptions {
  readonly path: string;
  /** A file descriptor of the database, open for as long as the guard: to close one would drop SQLite's locks. */
  readonly fd: number;
  /** Of `ReadsBeside`. */
  readonly reads?: SharedArrayBuffer | undefined;
  /** Pages in the log at which they are moved to the database. */
  readonly moveAtPages?: number | undefined;
}

export class PageGuard {
  /** Holds the write lock while pages are moved: that cannot be done inside a transaction. */
  readonly #locker: DatabaseSync;
  readonly #header = Buffer.alloc(16);
  readonly #frame = Buffer.alloc(8);
  #isMoved = false;
  readonly #pageCount: StatementSync;
  readonly #pageBytes: number;
  readonly #reads: ReadsBeside | undefined;

  constructor(
    private readonly database: DatabaseSync,
    private readonly options: GuardOptions,
  ) {
    this.#locker = new DatabaseSync(options.path, { timeout: 0 });
    this.#locker.exec('PRAGMA wal_autocheckpoint = 0');
    this.#pageCount = database.prepare('PRAGMA page_count');
    this.#pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size']);
    this.#reads = options.reads && new ReadsBeside(options.reads);
  }

  /** After the schema is there: makes the sums of a store that has none yet. */
  begin(): void {
    if (loadSums(this.options.path) !== 'missing') return;
    this.#locked(() => {
      const { offsetByPage } = this.#moveAll();
      const { path, fd } = this.options;
      const sums = sumsOfFile(fd);
      // A page that could not be moved, because somebody reads, gets its sum when it is.
      for (const page of offsetByPage.keys()) if (page < sums.length && !this.#isMoved) sums[page] = 0;
      replaceSums(path, sums);
    });
  }

  /** Moves pages to the database when the log has grown long. Never throws: the next commit tries again. */
  afterCommit(): void {
    if (this.#isLong()) this.#tryMove();
  }

  /** Bytes by which the database is longer once all pages of the log are in it. */
  growthBytes(): number {
    const row = this.#pageCount.get();
    return Math.max(0, Number(row?.['page_count']) * this.#pageBytes - fstatSync(this.options.fd).size);
  }

  /** Moves all pages, so that the log is written from its beginning again: room on a full disk. False when that cannot be done. */
  empty(): boolean {
    return this.#tryMove() && this.#isMoved;
  }

  /** The process is about to close its connection, upon which SQLite may move pages by itself. */
  close(): void {
    this.#locker.exec(`PRAGMA busy_timeout = ${CLOSE_WAIT_MS}`);
    if (!this.#tryMove()) dropSums(this.options.path);
    this.#locker.close();
  }

  #tryMove(): boolean {
    try {
      this.#locked(() => {
        this.#moveAll();
        compactSums(this.options.path, fstatSync(this.options.fd).size / this.#pageBytes);
      });
      return true;
    } catch {
      // Another process writes, or the disk is full. The pages stay where they are, durable, until this works.
      return false;
    }
  }

  #moveAll(): WalScan {
    const { path } = this.options;
    const log = scanWal(`${path}-wal`, { mayTrust: true });
    this.#record(sumsInLog(`${path}-wal`, log));
    this.#reads?.waitForPresent(READ_WAIT_MS); // those that begin now see all that will be moved
    const moved = this.database.prepare('PRAGMA wal_checkpoint(PASSIVE)').get();
    this.#isMoved = moved?.['busy'] === 0 && moved['log'] === moved['checkpointed'];
    this.#reads?.waitForPresent(READ_WAIT_MS); // those that begin now need nothing of the log: it can be written anew
    return log;
  }

  /** Without room for the sums there had better be none: the pages must move all the same, and the next start looks for itself. */
  #record(entries: readonly (readonly [number, number])[]): void {
    try {
      appendSums(this.options.path, entries);
    } catch {
      dropSums(this.options.path);
    }
  }

  #locked(work: () => void): void {
    try {
      this.#locker.exec('BEGIN IMMEDIATE');
      work();
    } finally {
      if (this.#locker.isTransaction) this.#locker.exec('ROLLBACK');
    }
  }

  /** Whether the frame at the threshold belongs to the present log: two small reads a commit. */
  #isLong(): boolean {
    const fd = this.#openLog();
    if (fd === undefined) return false;
    try {
      if (readSync(fd, this.#header, 0, 16, 8) < 16) return false;
      const frameBytes = 24 + this.#header.readUInt32BE(0);
      const at = 32 + ((this.options.moveAtPages ?? MOVE_AT_PAGES) - 1) * frameBytes;
      return readSync(fd, this.#frame, 0, 8, at + 8) === 8 && this.#frame.equals(this.#header.subarray(8, 16));
    } finally {
      closeSync(fd);
    }
  }

  #openLog(): number | undefined {
    try {
      return openSync(`${this.options.path}-wal`, 'r');
    } catch {
      return undefined; // there is none before the first commit
    }
  }
}

function sumsInLog(logPath: string, { offsetByPage, pageBytes }: WalScan): [number, number][] {
  if (offsetByPage.size === 0) return [];
  const fd = openSync(logPath, 'r');
  try {
    const content = Buffer.alloc(pageBytes);
    return [...offsetByPage].map(([page, offset]) => {
      readSync(fd, content, 0, pageBytes, offset);
      return [page, sumOf(content, page)];
    });
  } finally {
    closeSync(fd);
  }
}
