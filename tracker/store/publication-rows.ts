/** Rows of publications as they are read: which of them a viewer may see, in which order, and as what. `publications-table.ts` writes them. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { SearchOrder } from '../../common/protocol/search-fields.js';
import { dialectOf } from './dialect.js';
import { foldUser } from './fold-user.js';
import { totalsOf } from './folders-table.js';
import { prepared } from './prepared.js';
import { mayFetch, visibleTo } from './rights-table.js';
import { rowAt } from './row-order.js';
import { ORDERS } from './search-order.js';
import type { PublicationRow, RowKey, SearchKey } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** Rows that `viewer` may fetch, owner and device joined; order and range are the caller's. All that is hidden stays behind this line. */
export function selectRows(db: Db, viewer: string) {
  return allRows(db).where(mayFetch(viewer));
}

export function allRows(db: Db) {
  return db
    .selectFrom('publications as p')
    .innerJoin('accounts as a', 'a.id', 'p.account_id')
    .innerJoin('devices as d', 'd.id', 'p.device_id')
    .leftJoin('folders as fo', 'fo.publication_id', 'p.publication_id')
    .select([
      'fo.files',
      'fo.listing_size',
      'p.publication_id',
      'p.published_at',
      'p.name',
      'a.user',
      'd.pin',
      'p.size',
      'p.file_id',
      'p.kind',
      'p.revision',
      'd.last_seen_at',
      'p.passcode_hash',
      'p.expires_at',
      'p.max_downloads',
      'p.burns',
      'p.downloads',
      namesOf(sql`SELECT string_agg(u."user", ',' ORDER BY u.user_fold) FROM publication_users AS pu
        JOIN accounts AS u ON u.id = pu.account_id WHERE pu.row_id = p.row_id`).as('users'),
      namesOf(sql`SELECT string_agg(g.name, ',' ORDER BY g.fold) FROM publication_groups AS pg
        JOIN groups AS g ON g.id = pg.group_id WHERE pg.row_id = p.row_id`).as('groups'),
    ]);
}

/** Of a limited publication, with commas, which no name has. */
function namesOf(list: RawBuilder<unknown>): RawBuilder<string | null> {
  return sql`CASE WHEN p.is_public = 1 THEN NULL ELSE coalesce((${list}), '') END`;
}

export type SelectedRow = Awaited<ReturnType<ReturnType<typeof selectRows>['execute']>>[number];

export function toRow(row: SelectedRow): PublicationRow {
  return {
    publicationId: row.publication_id,
    publishedAt: row.published_at,
    name: row.name,
    owner: row.user,
    device: row.pin,
    size: row.size,
    fileId: row.file_id,
    kind: row.kind,
    ...totalsOf(row),
    revision: row.revision,
    rights:
      row.users === null || row.groups === null
        ? 'public'
        : { users: splitNames(row.users), groups: splitNames(row.groups) },
    passcodeHash: row.passcode_hash ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    downloads:
      row.max_downloads === null
        ? undefined
        : { most: row.max_downloads, burn: row.burns === 1, left: Math.max(0, row.max_downloads - row.downloads) },
    lastSeenAt: row.last_seen_at ?? undefined,
  };
}

function splitNames(names: string): string[] {
  return names === '' ? [] : names.split(',');
}

export async function findPublication(
  db: Db,
  publicationId: string,
  viewer: string,
): Promise<PublicationRow | undefined> {
  const [row] = await selectOne(db, { publicationId, viewer: foldUser(viewer) });
  return row === undefined ? undefined : toRow(row);
}

const selectOne = prepared((db, { publicationId, viewer }: { publicationId: string; viewer: string }) =>
  allRows(db)
    .where('p.publication_id', '=', publicationId)
    .where(visibleTo(sql`(SELECT id FROM accounts WHERE user_fold = ${viewer})`))
    .compile(),
);

export async function listPublished(
  db: Db,
  list: { user: string; limit: number; after?: RowKey | undefined },
): Promise<PublicationRow[]> {
  const account = await db
    .selectFrom('accounts')
    .select('id')
    .where('user_fold', '=', foldUser(list.user))
    .executeTakeFirst();
  if (account === undefined) return [];
  const { user, limit } = list;
  const after = list.after && { value: list.after.publishedAt, publicationId: list.after.publicationId };
  const ordered = await inOrder(db, { order: 'newest', limit, after, viewer: user });
  const rows = await ordered.where('p.account_id', '=', account.id).execute();
  return rows.map(toRow);
}

interface Place {
  readonly order: SearchOrder;
  readonly after: SearchKey | undefined;
}

/** The next `limit` rows behind `after`. */
export async function inOrder(db: Db, wanted: Place & { readonly limit: number; readonly viewer: string }) {
  const rows = selectRows(db, wanted.viewer).limit(wanted.limit);
  const { columns, behind } = await orderOf(db, wanted);
  const sorted = columns.reduce((some, [column, direction]) => some.orderBy(column, direction), rows);
  return behind === undefined ? sorted : sorted.where(behind);
}

/** The same places, hidden ones among them, from the index alone. */
export async function keysInOrder(db: Db, place: Place) {
  const { columns, behind } = await orderOf(db, place);
  const keys = db.selectFrom('publications as p');
  const sorted = columns.reduce((some, [column, direction]) => some.orderBy(column, direction), keys);
  return behind === undefined ? sorted : sorted.where(behind);
}

type Column = (typeof ORDERS)[SearchOrder]['column'] | 'p.publication_id' | 'p.row_id';

async function orderOf(
  db: Db,
  { order, after }: Place,
): Promise<{ columns: readonly [Column, 'asc' | 'desc'][]; behind: RawBuilder<boolean> | undefined }> {
  const { column, isDescending } = ORDERS[order];
  const direction = isDescending ? 'desc' : 'asc';
  const sign = sql.raw(isDescending ? '<' : '>');
  if (column === 'p.published_at' && dialectOf(db).isNumbered) {
    const row = after && (await rowAt(db, after));
    const behind = row === undefined ? undefined : sql<boolean>`${sql.ref('p.row_id')} ${sign} ${row}`;
    return { columns: [['p.row_id', direction]], behind };
  }
  const place = sql`(${sql.ref(column)}, ${sql.ref('p.publication_id')})`;
  const behind = after && sql<boolean>`${place} ${sign} (${after.value}, ${after.publicationId})`;
  const columns: [Column, 'asc' | 'desc'][] = [
    [column, direction],
    ['p.publication_id', direction],
  ];
  return { columns, behind };
}
