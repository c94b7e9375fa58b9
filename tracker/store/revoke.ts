import type { Kysely } from 'kysely';
import { foldUser } from './fold-user.js';
import type { Revocation } from './store.js';
import type { Tables } from './tables.js';

type Row = Omit<Revocation, 'epoch'>;

/** Clocks of nodes differ by less, ms. A ticket beyond that is of a clock that was wrong: who is let in again must not wait for it. */
const MAX_AHEAD_MS = 60_000;

/** Adds a revocation under the next epoch, and returns that. */
export async function revoke(db: Kysely<Tables>, row: Row): Promise<number> {
  const { value } = await db
    .updateTable('counters')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('name', '=', 'epoch')
    .returning('value')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('revocations')
    .values({ epoch: value, user: null, ...row, at: await lastTicketAt(db, row) })
    .execute();
  return value;
}

/** Its time, or that of the newest ticket it is for: the clock of the node that gave one may be ahead of that of who decides. */
async function lastTicketAt(db: Kysely<Tables>, { kind, subject, user, at }: Row): Promise<number> {
  const whose = kind === 'user' ? subject : user;
  let tickets = db.selectFrom('tickets').select('at').orderBy('at', 'desc').limit(1);
  tickets = tickets.where('at', '>', at).where('at', '<=', at + MAX_AHEAD_MS);
  if (kind !== 'user') tickets = tickets.where('publication_id', '=', subject);
  if (whose !== undefined) tickets = tickets.where('user_fold', '=', foldUser(whose));
  return (await tickets.executeTakeFirst())?.at ?? at;
}
