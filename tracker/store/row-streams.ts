/** Rows newest first, from one place or merged from several, loaded a little at a time. */
import type { Kysely } from 'kysely';
import { foldUser } from './fold-user.js';
import { newestFirst, selectRows, toRow } from './publications-table.js';
import type { DeviceKey, PublicationRow, RowKey } from './store.js';
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

export function streamRows(db: Db, scope: Scope, after: RowKey | undefined): RowStream {
  return batchStream(scope.device === undefined ? LARGEST_BATCH : FIRST_BATCH, after, (position) =>
    loadBatch(db, scope, position),
  );
}

type Position = { readonly limit: number; readonly after: RowKey | undefined };

async function loadBatch(db: Db, { viewer, owner, device }: Scope, position: Position): Promise<PublicationRow[]> {
  let query = newestFirst(db, { ...position, viewer });
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
  start: RowKey | undefined,
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
        rows = await load({ limit, after });
        isAtEnd = rows.length < limit;
        after = rows.at(-1) ?? after;
        limit = Math.min(LARGEST_BATCH, limit * 2);
        index = 0;
      }
      return rows[index++];
    },
  };
}

/** The rows of these devices and these single publications, merged; a row in both comes once. */
export async function streamLive(
  db: Db,
  live: {
    readonly devices: readonly DeviceKey[];
    readonly publications: readonly string[];
    readonly viewer: string;
  },
  after: RowKey | undefined,
): Promise<RowStream> {
  const { viewer } = live;
  const streams = live.devices.map(({ user, device }) => streamRows(db, { viewer, owner: user, device }, after));
  if (live.publications.length > 0) {
    const rows = await selectRows(db, viewer).where('p.publication_id', 'in', live.publications).execute();
    streams.push(sortedStream(rows.map(toRow), after));
  }
  return mergeStreams(streams);
}

/** Rows that are in memory already, put in order. */
export function sortedStream(rows: readonly PublicationRow[], after: RowKey | undefined): RowStream {
  const sorted = rows
    .filter((row) => after === undefined || isNewer(after, row))
    .sort((a, b) => (isNewer(a, b) ? -1 : 1));
  let index = 0;
  return { next: async () => sorted[index++] };
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
