import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { SqliteDialect, type SqliteStatement } from 'kysely';

/** Statements kept ready; a store uses some dozens, bulk inserts of odd lengths make more. */
const MAX_STATEMENTS = 256;

/** node:sqlite as kysely wants a database. */
export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
  const ready = new Map<string, SqliteStatement>();
  const prepare = (sql: string): SqliteStatement => {
    let statement = ready.get(sql);
    if (statement === undefined) {
      if (ready.size >= MAX_STATEMENTS) ready.clear();
      statement = prepareFor(database, sql);
      ready.set(sql, statement);
    }
    return statement;
  };
  return new SqliteDialect({ database: { prepare, close: () => database.close() } });
}

function prepareFor(database: DatabaseSync, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}
