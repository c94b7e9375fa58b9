/** `del` in SQL: who may remove a stored publication, and that its publisher's device does not bring it back. */
import { type Kysely, sql } from 'kysely';
import type { Removal } from '../../common/protocol/depot-fields.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import { foldUser } from './fold-user.js';
import { applyChanges, note } from './publications-table.js';
import { mayFetch } from './rights-table.js';
import type { Change } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** @throws {ProtocolError} `not-found` for what the user may not see, `not-allowed`, `passcode-needed`. */
export async function removePublication(
  db: Db,
  change: Change & { type: 'del' },
  at: number,
): Promise<ReplyBody<'del'>> {
  const { user, publicationId } = change;
  const row = await db
    .selectFrom('publications as p')
    .innerJoin('accounts as a', 'a.id', 'p.account_id')
    .select(['p.row_id', 'p.account_id', 'p.device_id', 'p.removal', 'p.passcode_hash', 'a.user_fold'])
    .where('p.publication_id', '=', publicationId)
    .where(mayFetch(user))
    .executeTakeFirst();
  if (row === undefined) throw new ProtocolError('not-found');
  if (row.user_fold !== foldUser(user) && !(await mayRemove(db, row, change))) throw new ProtocolError('not-allowed');
  await db.deleteFrom('publications').where('row_id', '=', row.row_id).execute();
  await db
    .insertInto('removed')
    .values({ publication_id: publicationId, at })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const changes: Parameters<typeof note>[0] = new Map();
  note(changes, row.device_id, { publications: -1 });
  await applyChanges(db, row.account_id, changes);
  return { publicationId };
}

/** An administrator always. Others only what is stored: of what somebody merely publishes, nobody else disposes. */
async function mayRemove(
  db: Db,
  row: { readonly removal: Removal; readonly passcode_hash: string | null },
  { user, publicationId, provenHash }: Change & { type: 'del' },
): Promise<boolean> {
  const account = await db
    .selectFrom('accounts')
    .select('is_admin')
    .where('user_fold', '=', foldUser(user))
    .executeTakeFirst();
  if (account?.is_admin === 1) return true;
  const isProven = provenHash !== undefined && provenHash === row.passcode_hash;
  const { rows } = await sql`SELECT 1 FROM copies WHERE publication_id = ${publicationId} LIMIT 1`.execute(db);
  if (rows.length > 0 && row.removal === 'passcode' && provenHash === undefined)
    throw new ProtocolError('passcode-needed');
  return rows.length > 0 && (row.removal === 'open' || (row.removal === 'passcode' && isProven));
}
