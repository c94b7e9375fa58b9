import type { Kysely } from 'kysely';
import type { Revocation } from './store.js';
import type { Tables } from './tables.js';

/** Adds a revocation under the next epoch, and returns that. */
export async function revoke(db: Kysely<Tables>, row: Omit<Revocation, 'epoch'>): Promise<number> {
  const { value } = await db
    .updateTable('counters')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('name', '=', 'epoch')
    .returning('value')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('revocations')
    .values({ epoch: value, user: null, ...row })
    .execute();
  return value;
}
