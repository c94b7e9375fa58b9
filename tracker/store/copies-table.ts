/** Stored copies in SQL: what each depot is to have, what it has, and who asks. */
import { type Kysely, sql } from 'kysely';
import type { CopyRow } from '../../common/protocol/depot-fields.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import type { DepotStore, DepotWork, HeldCopy } from './depot-store.js';
import { foldUser } from './fold-user.js';
import { allRows, toRow } from './publication-rows.js';
import { revoke } from './revoke.js';
import type { Change, DeviceKey, PublicationRow } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

export async function appointDepot(
  db: Db,
  user: string,
  { isDepot, at }: { readonly isDepot: boolean; readonly at: number },
): Promise<boolean> {
  const account = await db
    .selectFrom('accounts')
    .select(['id', 'user', 'is_depot'])
    .where('user_fold', '=', foldUser(user))
    .where('state', '!=', 'removed')
    .executeTakeFirst();
  if (account === undefined) return false;
  await db
    .updateTable('accounts')
    .set({ is_depot: isDepot ? 1 : 0 })
    .where('id', '=', account.id)
    .execute();
  // It may have some for what it could fetch as a depot alone; for the rest it gets new ones.
  if (!isDepot && account.is_depot === 1) await revoke(db, { kind: 'user', subject: account.user, at });
  return true;
}

export async function isDepot(db: Db, user: string): Promise<boolean> {
  const row = await db
    .selectFrom('accounts')
    .select('is_depot')
    .where('user_fold', '=', foldUser(user))
    .where('state', '=', 'active')
    .executeTakeFirst();
  return row?.is_depot === 1;
}

export async function heldCopies(db: Db, depot: DeviceKey): Promise<HeldCopy[]> {
  const rows = await copiesAt(db, depot).select('held_file').whereRef('held_file', '=', 'wanted_file').execute();
  return rows.map((row) => ({ publicationId: row.publication_id, fileId: row.held_file ?? '' }));
}

export async function depotWork(db: Db, list: Parameters<DepotStore['depotWork']>[0]): Promise<DepotWork[]> {
  let rows = copiesAt(db, list)
    .innerJoin('accounts as o', 'o.id', 'c.owner_id')
    .leftJoin('folders as fo', 'fo.publication_id', 'c.publication_id')
    .select(['c.copy_id', 'c.name', 'c.wanted_file', 'c.size', 'c.held_file', 'c.held_size', 'o.user as owner'])
    .select('fo.listing_size')
    .where('c.copy_id', '>', list.after);
  if (!list.all) rows = rows.where(sql<boolean>`(c.wanted_file IS NULL OR c.wanted_file IS DISTINCT FROM c.held_file)`);
  const found = await rows.orderBy('c.copy_id').limit(list.limit).execute();
  return found.map((row) => ({
    copyId: row.copy_id,
    publicationId: row.publication_id,
    do: row.wanted_file === null ? 'drop' : row.wanted_file === row.held_file ? 'keep' : 'fetch',
    name: row.name,
    owner: row.owner,
    fileId: row.wanted_file ?? row.held_file ?? '0'.repeat(64),
    ...sizesOf(row),
  }));
}

type Sizes = Record<'size' | 'held_size', number> &
  Record<'wanted_file', string | null> &
  Record<'listing_size', number | null>;

function sizesOf({ wanted_file: wanted, size, held_size: held, listing_size: listing }: Sizes) {
  if (wanted === null) return { size: held };
  return listing === null ? { size } : { size: listing, kind: 'folder' as const, bytes: size - listing };
}

export async function copiesOf(db: Db, publicationIds: readonly string[], viewer: string): Promise<CopyRow[][]> {
  const rows = await db
    .selectFrom('copies as c')
    .innerJoin('devices as d', 'd.id', 'c.device_id')
    .innerJoin('accounts as a', 'a.id', 'd.account_id')
    .innerJoin('accounts as o', 'o.id', 'c.owner_id')
    .select(['c.publication_id', 'c.wanted_file', 'c.held_file', 'c.is_full', 'a.user'])
    .where('c.publication_id', 'in', publicationIds)
    .where('o.user_fold', '=', foldUser(viewer))
    .where('c.wanted_file', 'is not', null)
    // A depot that is not appointed any more serves nothing.
    .where('a.is_depot', '=', 1)
    .where('a.state', '=', 'active')
    .orderBy('a.user_fold')
    .execute();
  const byId = Map.groupBy(rows, (row) => row.publication_id);
  return publicationIds.map((id) => (byId.get(id) ?? []).map(toCopy));
}

function toCopy(row: { user: string; wanted_file: string | null; held_file: string | null; is_full: number }): CopyRow {
  const isStored = row.wanted_file === row.held_file;
  return { depot: row.user, state: isStored ? 'stored' : row.is_full === 1 ? 'full' : 'wanted' };
}

export async function findForDepot(
  db: Db,
  publicationId: string,
  { user, device }: DeviceKey,
): Promise<PublicationRow | undefined> {
  const row = await allRows(db)
    .where('p.publication_id', '=', publicationId)
    .where(
      sql<boolean>`EXISTS (SELECT 1 FROM copies AS c JOIN devices AS cd ON cd.id = c.device_id JOIN accounts AS ca ON ca.id = cd.account_id
        WHERE c.publication_id = p.publication_id AND c.wanted_file = p.file_id AND cd.pin = ${device}
        AND ca.user_fold = ${foldUser(user)} AND ca.is_depot = 1)`,
    )
    .executeTakeFirst();
  return row === undefined ? undefined : toRow(row);
}

/** What a depot says of one copy. @throws {ProtocolError} `not-found` when it is to have none, `changed` when other content is wanted. */
export async function recordStored(
  db: Db,
  { user, device, publicationId, fileId, has }: Change & { type: 'stored' },
): Promise<ReplyBody<'stored'>> {
  const copy = await copiesAt(db, { user, device })
    .select(['c.copy_id', 'c.wanted_file', 'c.size'])
    .where('c.publication_id', '=', publicationId)
    .executeTakeFirst();
  if (copy === undefined) throw new ProtocolError('not-found');
  const row = db.updateTable('copies').where('copy_id', '=', copy.copy_id);
  if (has === 'none' && copy.wanted_file === null)
    await db.deleteFrom('copies').where('copy_id', '=', copy.copy_id).execute();
  else if (has === 'none') await row.set({ held_file: null, held_size: 0 }).execute();
  else if (copy.wanted_file !== fileId) throw new ProtocolError('changed');
  else if (has === 'full') await row.set({ is_full: 1 }).execute();
  else await row.set({ held_file: fileId, held_size: copy.size, is_full: 0 }).execute();
  return {};
}

function copiesAt(db: Db, { user, device }: DeviceKey) {
  return db
    .selectFrom('copies as c')
    .innerJoin('devices as d', 'd.id', 'c.device_id')
    .innerJoin('accounts as a', 'a.id', 'd.account_id')
    .select('c.publication_id')
    .where('d.pin', '=', device)
    .where('a.user_fold', '=', foldUser(user));
}
