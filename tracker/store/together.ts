/** Statements of one transaction that need not wait for one another. */
import { type Kysely, PostgresAdapter } from 'kysely';
import { isAftermath } from './postgres-errors.js';
import type { Tables } from './tables.js';

type Step = () => Promise<unknown>;
type Values<T extends readonly Step[]> = { [K in keyof T]: T[K] extends () => Promise<infer V> ? V : never };

/**
 * On PostgreSQL they are sent at once: it carries them out in their order, and none behind one that failed. Ends when all have ended, as none
 * may go on behind the end of its transaction. On SQLite, which may end a transaction itself when the disk is full, one after the other.
 */
export async function together<T extends readonly Step[]>(
  db: Kysely<Tables>,
  steps: readonly [...T],
): Promise<Values<T>> {
  if (!(db.getExecutor().adapter instanceof PostgresAdapter)) return (await inTurn(steps)) as Values<T>;
  const running = steps.map((step) => step());
  const ended = await Promise.allSettled(running);
  const failures = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  // What failed first says whether the transaction may be tried again; it need not be of the first step.
  const cause = failures.find((failure) => !isAftermath(failure));
  if (cause !== undefined) throw cause;
  return (await Promise.all(running)) as Values<T>;
}

async function inTurn(steps: readonly Step[]): Promise<unknown[]> {
  const values: unknown[] = [];
  for (const step of steps) values.push(await step());
  return values;
}
