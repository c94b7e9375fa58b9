/** Rows in the order of a search, from one place or merged from several, loaded a little at a time. */
import type { Kysely } from 'kysely';
import type { SearchOrder } from '../../common/protocol/search-fields.js';
import { foldUser } from './fold-user.js';
import { inOrder, selectRows, toRow } from './publications-table.js';
import { compareKeys, keyOf } from './search-order.js';
import type { DeviceKey, PublicationRow, RowKey, SearchKey } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

export interface RowStream {
  /** The next row; undefined at the end. */
  next(): Promise<PublicationRow | undefined>;
}

/** A merge loads few rows of each place at first: most of them contribute none. */
const FIRST_BATCH = 8;
const LARGEST_BATCH = 256;

/** True when `a` stands before `b`. Ids are ASCII, so JavaScript orders them as SQLite does. */
export function isNewer(a: RowKey, b: RowKey): boolean {
  return a.publishedAt === b.publishedAt ? a.publicationId > b.publicationId : a.publishedAt > b.publishedAt;
}

/** What `viewer` may fetch: all rows, those of one user, or those of one device. */
export type Scope = { readonly viewer: string; readonly owner?: string; readonly device?: string };

/** Where a stream begins, and which way it goes. */
export interface From {
  readonly order: SearchOrder;
  readonly after: SearchKey | undefined;
}

export function streamRows(db: Db, scope: Scope, from: From): RowStream {
  return batchStream(scope.device === undefined ? LARGEST_BATCH : FIRST_BATCH, from, (position) =>
    loadBatch(db, scope, position),
  );
}

type Position = From & { readonly limit: number };

async function loadBatch(db: Db, { viewer, owner, device }: Scope, position: Position): Promise<PublicationRow[]> {
  let query = inOrder(db, { ...position, viewer });
  if (owner !== undefined) {
    const account = await db
      .selectFrom('accounts')
      .select('id')
      .where('user_fold', '=', foldUser(owner))
      .executeTakeFirst();
    if (account === undefined) return [];
    if (device === undefined) {
      query = query.where('p.account_id', '=', account.id);
    } else {
      const row = await db
        .selectFrom('devices')
        .select('id')
        .where('account_id', '=', account.id)
        .where('pin', '=', device)
        .executeTakeFirst();
      if (row === undefined) return [];
      query = query.where('p.device_id', '=', row.id);
    }
  }
  return (await query.execute()).map(toRow);
}

function batchStream(
  firstBatch: number,
  { order, after: start }: From,
  load: (position: Position) => Promise<PublicationRow[]>,
): RowStream {
  let rows: readonly PublicationRow[] = [];
  let index = 0;
  let limit = firstBatch;
  let after = start;
  let isAtEnd = false;
  return {
    async next() {
      if (index === rows.length && !isAtEnd) {
        rows = await load({ order, limit, after });
        isAtEnd = rows.length < limit;
        const last = rows.at(-1);
        if (last !== undefined) after = keyOf(last, order);
        limit = Math.min(LARGEST_BATCH, limit * 2);
        index = 0;
      }
      return rows[index++];
    },
  };
}

/** The rows of these devices and these single publications, newest first; a row in both comes once. */
export async function streamLive(
  db: Db,
  live: {
    readonly devices: readonly DeviceKey[];
    readonly publications: readonly string[];
    readonly viewer: string;
  },
  after: SearchKey | undefined,
): Promise<RowStream> {
  const { viewer } = live;
  const from: From = { order: 'newest', after };
  const streams = live.devices.map(({ user, device }) => streamRows(db, { viewer, owner: user, device }, from));
  if (live.publications.length > 0) {
    const rows = await selectRows(db, viewer).where('p.publication_id', 'in', live.publications).execute();
    streams.push(sortedStream(rows.map(toRow), from));
  }
  return mergeStreams(streams);
}

/** Rows that are in memory already, put in order. */
export function sortedStream(rows: readonly PublicationRow[], { order, after }: From): RowStream {
  const sorted = rows
    .map((row) => ({ row, key: keyOf(row, order) }))
    .filter(({ key }) => after === undefined || compareKeys(after, key, order) < 0)
    .sort((a, b) => compareKeys(a.key, b.key, order));
  let index = 0;
  return { next: async () => sorted[index++]?.row };
}

async function mergeStreams(streams: readonly RowStream[]): Promise<RowStream> {
  const heads: { row: PublicationRow; readonly stream: RowStream }[] = [];
  for (const stream of streams) {
    const row = await stream.next();
    if (row !== undefined) heads.push({ row, stream });
  }
  let last: string | undefined;
  const take = async (): Promise<PublicationRow | undefined> => {
    const head = heads.reduce<(typeof heads)[number] | undefined>(
      (best, other) => (best === undefined || isNewer(other.row, best.row) ? other : best),
      undefined,
    );
    if (head === undefined) return undefined;
    const { row } = head;
    const following = await head.stream.next();
    if (following === undefined) heads.splice(heads.indexOf(head), 1);
    else head.row = following;
    return row;
  };
  return {
    async next() {
      let row = await take();
      while (row !== undefined && row.publicationId === last) row = await take();
      last = row?.publicationId;
      return row;
    },
  };
}
