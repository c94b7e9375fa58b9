/** `shoal tracker check`: a thorough look at a store, and what can be saved of a damaged one. */
import { closeSync, copyFileSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { bringBack, futureTime } from './future-times.js';
import { dropSums, sumsPath } from './page-sums.js';
import { type Engine, openEngine } from './sqlite-engine.js';
import { fromSqlite } from './store-error.js';
import { judgeFiles, requireSound } from './store-health.js';

export interface CheckReport {
  /** Empty: nothing is wrong. */
  readonly problems: readonly string[];
  readonly notices: readonly string[];
  readonly schema: number;
  /** Publications seem to come from the future, which is no damage; `repairStore` brings their times back. */
  readonly isAhead: boolean;
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
}

const COUNTED = ['accounts', 'publications', 'groups', 'devices', 'revocations'];
const MAX_PROBLEMS = 20;

/**
 * `isBeside`: a tracker runs on the store; its writes wait while the pages are read. `now`: ms since epoch.
 * @throws {StoreError} when it cannot be looked at: it may be sound.
 */
export function checkStore(path: string, isBeside: boolean, now: number): CheckReport {
  let engine: Engine;
  try {
    engine = openEngine({ path, shouldVerify: !isBeside, now });
  } catch (error) {
    const reason = fromSqlite(error);
    if (reason.code !== 'corrupt') throw reason;
    return { problems: [reason.message], notices: [], isAhead: false, schema: 0, rows: {} };
  }
  const fd = openSync(path, 'r'); // closed behind the database: to close it sooner would drop SQLite's locks
  try {
    const problems = [...(isBeside ? pageProblems(engine, path, fd) : []), ...contentProblems(engine.database)];
    return {
      problems: problems.slice(0, MAX_PROBLEMS),
      notices: engine.notices,
      isAhead: futureTime(engine.database, now) !== undefined,
      schema: numberOf(engine.database, 'PRAGMA user_version'),
      rows: Object.fromEntries(
        COUNTED.map((table) => [table, numberOf(engine.database, `SELECT count(*) FROM ${table}`)]),
      ),
    };
  } finally {
    engine.close();
    closeSync(fd);
  }
}

/** Under the write lock no page is moved. */
function pageProblems({ database }: Engine, path: string, fd: number): string[] {
  database.exec('PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE');
  try {
    judgeFiles(path, fd);
    return [];
  } catch (error) {
    return [fromSqlite(error).message];
  } finally {
    database.exec('ROLLBACK');
  }
}

function contentProblems(database: DatabaseSync): string[] {
  const found = (sql: string): string[] =>
    database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row).map(String).join(' '));
  const integrity = found(`PRAGMA integrity_check(${MAX_PROBLEMS})`).filter((line) => line !== 'ok');
  const strays = found('PRAGMA foreign_key_check').map((row) => `a row of a missing one: ${row}`);
  const counts = found(
    `SELECT user FROM accounts a WHERE state <> 'removed' AND publications <>
       (SELECT count(*) FROM publications p WHERE p.account_id = a.id)`,
  ).map((user) => `the number of publications of ${user} is wrong`);
  return [...integrity, ...strays, ...counts, ...indexProblems(database)];
}

/** The index of names against the names. */
function indexProblems(database: DatabaseSync): string[] {
  try {
    database.exec(
      `BEGIN; INSERT INTO publications_trigrams (publications_trigrams, rank) VALUES ('integrity-check', 1)`,
    );
    return [];
  } catch (error) {
    return [`the index of names does not fit them: ${fromSqlite(error).message}`];
  } finally {
    database.exec('ROLLBACK');
  }
}

/**
 * Makes the store usable again where SQLite can still read it: indexes are made anew, an unreadable end of its log is given up, times in
 * the future become `now`, ms since epoch. Returns how many publications had one. The
 * files as they were are kept beside it, ending in `suffix`. @throws {StoreError} `corrupt` when it is beyond that.
 */
export function repairStore(path: string, suffix: string, now: number): number {
  for (const file of [path, `${path}-wal`, sumsPath(path)]) if (existsSync(file)) copyFileSync(file, file + suffix);
  dropSums(path);
  let late: number;
  try {
    const database = new DatabaseSync(path);
    try {
      database.exec('REINDEX');
      database.exec(`INSERT INTO publications_trigrams (publications_trigrams) VALUES ('rebuild')`);
      requireSound(database, path);
      late = bringBack(database, now);
    } finally {
      database.close();
    }
  } catch (error) {
    throw fromSqlite(error);
  }
  openEngine({ path, shouldVerify: true }).close();
  return late;
}

function numberOf(database: DatabaseSync, sql: string): number {
  return Number(Object.values(database.prepare(sql).get() ?? {})[0]);
}
