/**
 * The SQLite store itself, on one connection; it runs in the store's thread (`sqlite-thread.ts`), one step at a time.
 * WAL and synchronous=FULL: a step that has been committed is on the disk.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { ownCommand } from '../../common/runtime/own-command.js';
import { futureTime } from './future-times.js';
import { LiveSet } from './live-set.js';
import { migrate, refuseNewer } from './migrations.js';
import { NameIndex } from './name-index.js';
import { PageGuard } from './page-guard.js';
import { dropSums, sumsPath } from './page-sums.js';
import { nodeSqliteDialect } from './sqlite-dialect.js';
import { fromSqlite } from './store-error.js';
import { damaged, judgeFiles, requireSound } from './store-health.js';
import { type Methods, methodsOver } from './store-methods.js';
import type { Tables } from './tables.js';

/** How long opening waits for another process, such as one that migrates, ms. */
const OPEN_WAIT_MS = 10_000;
const PAGE_BYTES = 4_096;
/** Of pages in memory: the indexes of a million publications are looked up at random places. SQLite's own 2 MiB read them again and again. */
const CACHE_KIB = 65_536;
/** One search may hold up the others no longer than this. */
export const SEARCH_BUDGET_MS = 20;

export interface EngineOptions {
  readonly path: string;
  /** Most bytes the database may have, as if the disk were full then; default unbounded. */
  readonly maxBytes?: number | undefined;
  /** Look for damage first; not while a tracker runs on the store. */
  readonly shouldVerify?: boolean | undefined;
  /** By the clock of who opens it, ms since epoch: later times that it has are told. Absent: nobody looks. */
  readonly now?: number | undefined;
  /** Of `ReadsBeside`, where others read while this writes. */
  readonly reads?: SharedArrayBuffer | undefined;
  /** For tests: pages in the log at which they are moved to the database. */
  readonly moveAtPages?: number | undefined;
}

export interface Engine {
  readonly database: DatabaseSync;
  readonly methods: Methods;
  readonly guard: PageGuard;
  readonly names: NameIndex;
  /** What was found at opening, in sentences for a person. */
  readonly notices: readonly string[];
  close(): void;
}

/** @throws {StoreError} when the file cannot be opened, is no store, is damaged, or was written by a newer version. */
export function openEngine({ path, maxBytes, shouldVerify = false, now, moveAtPages, reads }: EngineOptions): Engine {
  using opened = new DisposableStack();
  try {
    const isNew = !existsSync(path);
    if (isNew && existsSync(sumsPath(path))) throw damaged(path, 'it is missing, though its checksums are there');
    // Kept open: closing it would drop the locks that SQLite holds on it. SQLite gives its other files the rights of this one.
    const fd = opened.adopt(openSync(path, 'a+', 0o600), closeSync);
    const health = shouldVerify && !isNew ? judgeFiles(path, fd) : undefined;
    const database = opened.adopt(new DatabaseSync(path, { timeout: OPEN_WAIT_MS }), (open) => open.close());
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    database.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -${CACHE_KIB}`); // checkpoints are the guard's work
    refuseNewer(database);
    if (health?.isProven === false) {
      requireSound(database, path);
      dropSums(path);
    }
    const guard = opened.adopt(new PageGuard(database, { path, fd, moveAtPages, reads }), (open) => open.close());
    if (maxBytes !== undefined) database.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`);
    migrate(database);
    if (shouldVerify) guard.begin();
    const future = now === undefined ? undefined : futureTime(database, now);
    // What a statement would have to take back lies in memory: of each that fires triggers it was written to a file.
    database.exec('PRAGMA temp_store = MEMORY');
    database.exec('PRAGMA busy_timeout = 0'); // from here on waiting is the thread's work, so that reads go on meanwhile
    const parts = opened.move();
    const names = new NameIndex(database);
    const methods = methodsOver(new Kysely<Tables>({ dialect: nodeSqliteDialect(database) }), {
      live: new LiveSet(),
      names,
      searchBudgetMs: SEARCH_BUDGET_MS,
    });
    return {
      database,
      methods,
      guard,
      names,
      notices: [...(health?.notices ?? []), ...(future === undefined ? [] : [futureNotice(future)])],
      close: () => parts.dispose(),
    };
  } catch (error) {
    const reason = fromSqlite(error);
    throw reason === error || reason.code !== 'corrupt' ? reason : damaged(path, reason.message);
  }
}

function futureNotice(at: number): string {
  return (
    `the newest publication is of ${new Date(at).toISOString()}, which has not come yet; what is published now gets that time, too. ` +
    `When the clock is wrong now, set it. When it was wrong then: ${ownCommand('tracker check --repair')} while no tracker runs`
  );
}
