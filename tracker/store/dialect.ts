/**
 * What SQLite and PostgreSQL say differently, by name. Everything else in this folder is one SQL for both, and triggers and types lie
 * in the migrations of each.
 */
import { type Kysely, PostgresAdapter, type RawBuilder, sql } from 'kysely';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

export interface Dialect {
  /** Rows of `table` whose fold has `fold`, of 3 letters or more and without NUL, as a part: from the index, `most` or more of them. */
  hasPart(table: 'publications' | 'paths', fold: string, most: number): RawBuilder<boolean>;
  /** Rows `p` of publications whose fold has `fold`, without NUL, as a part: each is looked at. */
  isPart(fold: string): RawBuilder<boolean>;
  /** The rows of a list, however long, as one parameter. */
  rowsOf(list: readonly number[] | readonly string[], type: 'bigint' | 'text'): RawBuilder<unknown>;
  /** A row of `publications` with one of these names. */
  isNamed(names: readonly string[]): RawBuilder<boolean>;
  /** A row of `paths` whose path is one of these. */
  isPath(paths: readonly string[]): RawBuilder<boolean>;
  /** What makes a path the only one in its folder. */
  readonly pathKey: RawBuilder<unknown>;
  /** Gives up what the index cannot answer soon: undefined then. */
  tryBriefly<T>(db: Db, run: () => Promise<T>): Promise<T | undefined>;
}

const ROW_ID = { publications: 'row_id', paths: 'path_id' } as const;

const sqlite: Dialect = {
  hasPart(table, fold, most) {
    // In quotes everything is literal but the quote itself.
    const index = sql.table(`${table}_trigrams`);
    return sql`${sql.ref(ROW_ID[table])} IN (SELECT rowid FROM ${index}
      WHERE ${index} MATCH ${`"${fold.replaceAll('"', '""')}"`} LIMIT ${most})`;
  },
  isPart: (fold) => sql`instr(p.fold, ${fold}) > 0`,
  rowsOf: (list) => sql`SELECT value FROM json_each(${JSON.stringify(list)})`,
  isNamed: (names) => sql`name IN (${sql.join(names)})`,
  isPath: (paths) => sql`path IN (${sql.join(paths)})`,
  pathKey: sql`path`,
  tryBriefly: (_db, run) => run(),
};

/** PostgreSQL reads through the whole table for what its index has no trigrams of. */
const BRIEF_MS = 50;
/** SQLSTATE. */
const QUERY_CANCELED = '57014';

const postgres: Dialect = {
  hasPart(_table, fold) {
    return sql`fold LIKE ${`%${fold.replaceAll(/[\\%_]/g, '\\$&')}%`}`;
  },
  isPart: (fold) => sql`strpos(p.fold, ${fold}) > 0`,
  rowsOf: (list, type) => sql`SELECT unnest(CAST(${list} AS ${sql.raw(type)}[]))`,
  // One array: with a parameter for each, a row that the index has not chosen is compared with all of them, which is ten times slower.
  isNamed: (names) => sql`name = ANY (CAST(${names} AS text[]))`,
  // A path may be longer than a row of an index.
  isPath: (paths) => sql`md5(path) IN (${sql.join(paths.map((path) => sql`md5(${path})`))})`,
  pathKey: sql`md5(path)`,
  async tryBriefly(db, run) {
    await sql.raw(`SAVEPOINT tried; SET LOCAL statement_timeout = ${BRIEF_MS}`).execute(db);
    try {
      return await run();
    } catch (error) {
      if ((error as { code?: unknown }).code !== QUERY_CANCELED) throw error;
      return undefined;
    } finally {
      await sql`ROLLBACK TO tried`.execute(db); // takes the time limit back as well
    }
  },
};

export function dialectOf(db: Db): Dialect {
  return db.getExecutor().adapter instanceof PostgresAdapter ? postgres : sqlite;
}
