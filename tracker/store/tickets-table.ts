/** Tickets in SQL: who got one for what, and, where a publication has terms, whether another one may be given. */
import { type Kysely, sql } from 'kysely';
import { FREE_RETRIES_MS } from '../../common/protocol/limits.js';
import { foldUser } from './fold-user.js';
import { prepared } from './prepared.js';
import { IS_SHUT_OUT, lostTickets, mayFetch, revokeAll } from './rights-table.js';
import type { Admission, BegunContent, GivenTicket } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** See `Store.recordTicket`. */
export async function recordTicket(db: Db, ticket: GivenTicket): Promise<void> {
  await writeTicket(db, { ...ticket, user: foldUser(ticket.user) });
  const { publicationId, user, at } = ticket;
  const lost = await selectLost(db, { publicationId, user: foldUser(user) });
  await revokeAll(db, lost, at);
}

const selectLost = prepared((db, { publicationId, user }: { publicationId: string; user: string }) =>
  lostTickets(sql`t.publication_id = ${publicationId} AND t.user_fold = ${user}`, IS_SHUT_OUT).compile(db),
);

const writeTicket = prepared((db, { publicationId, user, device, fileId, size, at }: GivenTicket) =>
  db
    .insertInto('tickets')
    .values({ publication_id: publicationId, device, user_fold: user, file_id: fileId, size, at })
    .onConflict((conflict) =>
      conflict.columns(['publication_id', 'device', 'user_fold', 'file_id']).doUpdateSet({ at }),
    )
    .compile(),
);

export async function hasTicket(db: Db, publicationId: string, device: string): Promise<boolean> {
  const row = await db
    .selectFrom('tickets')
    .select('at')
    .where('publication_id', '=', publicationId)
    .where('device', '=', device)
    .executeTakeFirst();
  return row !== undefined;
}

/** See `Store.sizeOfBegun`. */
export async function sizeOfBegun(
  db: Db,
  { publicationId, user, device, fileId, since }: BegunContent,
): Promise<number | undefined> {
  const row = await db
    .selectFrom('tickets')
    .select('size')
    .where('publication_id', '=', publicationId)
    .where('device', '=', device)
    .where('user_fold', '=', foldUser(user))
    .where('file_id', '=', fileId)
    .where('at', '>', since)
    .executeTakeFirst();
  return row?.size;
}

/** See `Store.admit`. */
export async function admit(
  db: Db,
  ticket: GivenTicket,
  { provenHash }: { readonly provenHash: string | undefined },
): Promise<Admission> {
  const { publicationId, user, at } = ticket;
  const row = await db
    .selectFrom('publications as p')
    .select(['p.row_id', 'p.account_id', 'p.passcode_hash', 'p.max_downloads', 'p.downloads', 'p.burns'])
    .where('p.publication_id', '=', publicationId)
    .where(mayFetch(user))
    .executeTakeFirst();
  const account = await db
    .selectFrom('accounts')
    .select('id')
    .where('user_fold', '=', foldUser(user))
    .executeTakeFirst();
  if (row === undefined || account === undefined) return 'not-found';
  const place: Place = { rowId: row.row_id, accountId: account.id, at };
  if (row.passcode_hash !== null && !(await unlock(db, place, provenHash === row.passcode_hash)))
    return 'passcode-needed';
  if (row.max_downloads !== null && !(await count(db, place, { ...row, max_downloads: row.max_downloads })))
    return 'used-up';
  await writeTicket(db, { ...ticket, user: foldUser(user) });
  return 'admitted';
}

interface Place {
  readonly rowId: number;
  readonly accountId: number;
  readonly at: number;
}

/** A passcode that was just given opens it for a while: a renewed ticket is not worth another question. */
async function unlock(db: Db, { rowId, accountId, at }: Place, isProven: boolean): Promise<boolean> {
  if (!isProven) return isFresh(db, 'unlocks', { rowId, accountId, at });
  await db
    .insertInto('unlocks')
    .values({ row_id: rowId, account_id: accountId, at })
    .onConflict((conflict) => conflict.columns(['row_id', 'account_id']).doUpdateSet({ at }))
    .execute();
  return true;
}

/** False when this download would be one too many. */
async function count(
  db: Db,
  place: Place,
  { max_downloads, downloads, burns }: { max_downloads: number; downloads: number; burns: number },
): Promise<boolean> {
  if (await isFresh(db, 'counted_downloads', place)) return true;
  if (downloads >= max_downloads) return false;
  const { rowId, accountId, at } = place;
  await db
    .insertInto('counted_downloads')
    .values({ row_id: rowId, account_id: accountId, at })
    .onConflict((conflict) => conflict.columns(['row_id', 'account_id']).doUpdateSet({ at }))
    .execute();
  const isLast = downloads + 1 >= max_downloads;
  await db
    .updateTable('publications')
    .set({ downloads: downloads + 1, ...(burns === 1 && isLast ? { ended: 'burned' as const } : {}) })
    .where('row_id', '=', rowId)
    .execute();
  return true;
}

async function isFresh(
  db: Db,
  table: 'unlocks' | 'counted_downloads',
  { rowId, accountId, at }: Place,
): Promise<boolean> {
  const row = await db
    .selectFrom(table)
    .select('at')
    .where('row_id', '=', rowId)
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return row !== undefined && row.at > at - FREE_RETRIES_MS;
}
