/**
 * What SQLite and PostgreSQL say differently, by name. Everything else in this folder is one SQL for both, and triggers and types lie
 * in the migrations of each.
 */
import { type Kysely, PostgresAdapter, type RawBuilder, sql } from 'kysely';
import { searchFold } from './search-fold.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

export interface Dialect {
  /** Rows of `paths` whose fold has `fold`, of 3 letters or more and without NUL, as a part: from the index, `most` or more of them. */
  hasPath(fold: string, most: number): RawBuilder<boolean>;
  /** Rows `p` of publications whose fold has `fold`, without NUL, as a part: each is looked at. */
  isPart(fold: string): RawBuilder<boolean>;
  /** The rows of a list, however long, as one parameter. */
  rowsOf(list: readonly number[] | readonly string[], type: 'bigint' | 'text'): RawBuilder<unknown>;
  /** Rows of `publications`, called `rows` there, with one of these names and of this account. */
  isNamed(
    rows: 'p' | 'publications',
    account: number | RawBuilder<number>,
    names: readonly string[],
  ): RawBuilder<boolean>;
  /** The same for one name, of rows whose account is asked for beside it. */
  isSpelled(name: Spelled): RawBuilder<boolean>;
  /** Rows of `publications` whose fileId begins with these 16 digits or more, `most` or more of them. Some others may be among them. */
  hasFileId(prefix: string, most: number): RawBuilder<boolean>;
  /** A row of `paths` whose path is one of these. */
  isPath(paths: readonly string[]): RawBuilder<boolean>;
  /** What makes a path the only one in its folder. */
  readonly pathKey: RawBuilder<unknown>;
  /** `row_id` is in the order of (published_at, publication_id), see `row-order.ts`. */
  readonly isNumbered: boolean;
  /** Gives up what the index cannot answer soon: undefined then. */
  tryBriefly<T>(db: Db, run: () => Promise<T>): Promise<T | undefined>;
}

/** The spelling of a name in the index of folds: empty for most. As in `migrations.ts`, or the index is not used. */
const SPELLING = sql.raw(`(CASE n.name WHEN n.fold THEN '' ELSE n.name END)`);
/** As in `migrations.ts`. */
const FILE_DIGITS = 8;

const sqlite: Dialect = {
  hasPath: (fold, most) =>
    sql`path_id IN (SELECT rowid FROM paths_trigrams WHERE paths_trigrams MATCH ${quoted(fold)} LIMIT ${most})`,
  isPart: (fold) => sql`instr(p.fold, ${fold}) > 0`,
  rowsOf: (list) => sql`SELECT value FROM json_each(${JSON.stringify(list)})`,
  isNamed(rows, account, names) {
    const wanted = JSON.stringify(names.map(spelled).map(({ fold, spelling }) => [fold, spelling]));
    return sql`${sql.ref(`${rows}.row_id`)} IN (SELECT n.row_id FROM json_each(${wanted}) AS w
      CROSS JOIN publications AS n ON n.fold = w.value ->> 0 AND n.account_id = ${account} AND ${SPELLING} = w.value ->> 1)`;
  },
  isSpelled: ({ fold, spelling }) => sql`fold = ${fold} AND (CASE name WHEN fold THEN '' ELSE name END) = ${spelling}`,
  hasFileId: (prefix, most) => sql`row_id IN (SELECT n.row_id FROM publications AS n
    WHERE substr(n.file_id, 1, ${sql.lit(FILE_DIGITS)}) = ${prefix.slice(0, FILE_DIGITS)} LIMIT ${most})`,
  isPath: (paths) => sql`path IN (${sql.join(paths)})`,
  pathKey: sql`path`,
  isNumbered: true,
  tryBriefly: (_db, run) => run(),
};

/** A name as SQLite's index of names has it: its fold, and the name itself where it differs. */
export interface Spelled {
  readonly name: string;
  readonly fold: string;
  readonly spelling: string;
}

export function spelled(name: string): Spelled {
  const fold = searchFold(name);
  return { name, fold, spelling: name === fold ? '' : name };
}

/** In quotes everything is literal but the quote itself. */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** PostgreSQL reads through the whole table for what its index has no trigrams of. */
const BRIEF_MS = 50;
/** SQLSTATE. */
const QUERY_CANCELED = '57014';

/** A text of PostgreSQL holds no NUL. No name or path holds any control character, so that another one finds as little. */
function storable(text: string): string {
  return text.replaceAll('\0', '\x01');
}

const postgres: Dialect = {
  hasPath: (fold) => hasPart(fold),
  isPart: (fold) => sql`strpos(p.fold, ${fold}) > 0`,
  rowsOf: (list, type) => sql`SELECT unnest(CAST(${list} AS ${sql.raw(type)}[]))`,
  // One array: with a parameter for each, a row that the index has not chosen is compared with all of them, which is ten times slower.
  isNamed: (rows, account, names) => sql`${sql.ref(`${rows}.account_id`)} = ${account}
    AND ${sql.ref(`${rows}.name`)} = ANY (CAST(${names.map(storable)} AS text[]))`,
  isSpelled: ({ name }) => sql`name = ${name}`,
  hasFileId: (prefix) => sql`file_id >= ${prefix} AND file_id < ${`${prefix}g`}`, // "g" follows every digit
  // A path may be longer than a row of an index.
  isPath: (paths) => sql`md5(path) IN (${sql.join(paths.map((path) => sql`md5(${storable(path)})`))})`,
  pathKey: sql`md5(path)`,
  isNumbered: false,
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

/** Of publications, or of paths, on PostgreSQL: from its index. */
export function hasPart(fold: string): RawBuilder<boolean> {
  return sql`fold LIKE ${`%${fold.replaceAll(/[\\%_]/g, '\\$&')}%`}`;
}

export function dialectOf(db: Db): Dialect {
  return db.getExecutor().adapter instanceof PostgresAdapter ? postgres : sqlite;
}
