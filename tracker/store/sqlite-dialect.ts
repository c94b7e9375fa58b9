import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { SqliteAdapter, SqliteDialect, type SqliteStatement } from 'kysely';

/** Statements kept ready; a store uses some dozens, bulk inserts of odd lengths make more. */
const MAX_STATEMENTS = 256;

type Prepare = (sql: string) => SqliteStatement;

/** Leads past Kysely's driver: there is one connection, which answers at once. */
export class DirectAdapter extends SqliteAdapter {
  constructor(readonly prepare: Prepare) {
    super();
  }
}

class DirectDialect extends SqliteDialect {
  readonly #prepare: Prepare;

  constructor(prepare: Prepare, close: () => void) {
    super({ database: { prepare, close } });
    this.#prepare = prepare;
  }

  override createAdapter(): DirectAdapter {
    return new DirectAdapter(this.#prepare);
  }
}

/** node:sqlite as kysely wants a database. */
export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
  const ready = new Map<string, SqliteStatement>();
  const prepare: Prepare = (sql) => {
    let statement = ready.get(sql);
    if (statement === undefined) {
      if (ready.size >= MAX_STATEMENTS) ready.clear();
      statement = prepareFor(database, sql);
      ready.set(sql, statement);
    }
    return statement;
  };
  return new DirectDialect(prepare, () => database.close());
}

/** Rows are read as lists: what node:sqlite makes objects of takes longer to make, and far longer to read from. */
function prepareFor(database: DatabaseSync, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  const columns = statement.columns().map(({ name }) => name);
  statement.setReturnArrays(true);
  const toObject = (values: unknown): object => {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < columns.length; index += 1)
      row[columns[index] as string] = (values as unknown[])[index];
    return row;
  };
  const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[];
  return {
    reader: columns.length > 0,
    all: (parameters) => statement.all(...values(parameters)).map(toObject),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)).map(toObject),
  };
}
