/**
 * Statements that are put together once. Kysely takes several times as long to build one, and to lead it through its driver, as SQLite to
 * carry it out; what every publication and every question needs is kept ready here.
 */
import type { CompiledQuery, DialectAdapter, Kysely } from 'kysely';
import { DirectAdapter } from './sqlite-dialect.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;
type Run<V, O> = (db: Db, values: V) => Promise<O[]>;

/** Stands in a statement where a value will be. */
class Placeholder {
  constructor(readonly name: string) {}
}

/**
 * A statement whose SQL is the same whatever `values` are: `build` is called once for each dialect, with placeholders in their places, so
 * it must not look at them. Resolves with the rows.
 */
export function prepared<V extends object, O>(build: (db: Db, values: V) => CompiledQuery<O>): Run<V, O> {
  const runByAdapter = new WeakMap<DialectAdapter, Run<V, O>>();
  return async (db, values) => {
    const { adapter } = db.getExecutor();
    let run = runByAdapter.get(adapter);
    if (run === undefined) {
      run = runOf(adapter, build(db, placeholders as V));
      runByAdapter.set(adapter, run);
    }
    return run(db, values);
  };
}

const placeholders = new Proxy({}, { get: (_target, name) => new Placeholder(String(name)) });

function runOf<V extends object, O>(adapter: DialectAdapter, compiled: CompiledQuery<O>): Run<V, O> {
  const parametersOf = (values: V): unknown[] =>
    compiled.parameters.map((value) => (value instanceof Placeholder ? values[value.name as keyof V] : value));
  if (!(adapter instanceof DirectAdapter))
    return async (db, values) => {
      const { rows } = await db.executeQuery<O>({ ...compiled, parameters: parametersOf(values) });
      return rows;
    };
  const statement = adapter.prepare(compiled.sql);
  if (statement.reader) return async (_db, values) => statement.all(parametersOf(values)) as O[];
  return async (_db, values) => {
    statement.run(parametersOf(values));
    return [];
  };
}
