/** Rows in the order of a search, from one place or merged from several, loaded a little at a time. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { SearchOrder } from '../../common/protocol/search-fields.js';
import { dialectOf } from './dialect.js';
import { foldUser } from './fold-user.js';
import { inOrder, keysInOrder, selectRows, toRow } from './publication-rows.js';
import { compareKeys, keyOf, ORDERS } from './search-order.js';
import type { DeviceKey, PublicationRow, RowKey, SearchKey } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** A place that was looked at: the row there, or none when nothing from the last place up to it can match. */
export interface Looked {
  readonly key: SearchKey;
  readonly row: PublicationRow | undefined;
}

export interface RowStream {
  /** The next place; undefined at the end. */
  next(): Promise<Looked | undefined>;
  /** All of it is looked through in some ms. */
  readonly isShort?: true;
}

/** A merge loads few rows of each place at first: most of them contribute none. */
const FIRST_BATCH = 8;
const LARGEST_BATCH = 256;
/** Rows that are looked through for a text by one statement: about a millisecond at first, and not much of a search's time at most. */
const FIRST_SCAN = 512;
const LARGEST_SCAN = 4_096;

/** True when `a` stands before `b`. Ids are ASCII, so JavaScript orders them as SQLite does. */
export function isNewer(a: RowKey, b: RowKey): boolean {
  return a.publishedAt === b.publishedAt ? a.publicationId > b.publicationId : a.publishedAt > b.publishedAt;
}

/** What `viewer` may fetch: all rows, those of one user, or those of one device. */
export type Scope = { readonly viewer: string; readonly owner?: string; readonly device?: string };

/** Where a stream begins, which way it goes, and what of it is wanted. */
export interface From {
  readonly order: SearchOrder;
  readonly after: SearchKey | undefined;
  /** What the fold of every wanted name has as a part; '' for all. */
  readonly fold: string;
  /** So many rows are probably enough. */
  readonly page: number;
}

/** `share`: among so many streams the rows of a page are probably divided. */
export function streamRows(db: Db, scope: Scope, { order, after, fold, page }: From, share = 1): RowStream {
  const [first, largest] = fold === '' ? [page, Math.max(page, LARGEST_BATCH)] : [FIRST_SCAN, LARGEST_SCAN];
  const size = Math.max(FIRST_BATCH, Math.ceil(first / share));
  return batchStream({ order, after, fold, page, size }, largest, (position) => loadBatch(db, scope, position));
}

type Position = From & { readonly size: number };

export interface Batch {
  readonly places: readonly Looked[];
  /** Up to where was looked; undefined: to the end. */
  readonly end: SearchKey | undefined;
}

async function loadBatch(db: Db, scope: Scope, position: Position): Promise<Batch> {
  const { order, after, size, fold, page } = position;
  const { viewer } = scope;
  const place = await placeOf(db, scope);
  if (place === undefined) return { places: [], end: undefined };
  if (fold === '') {
    const ordered = await inOrder(db, { order, after, viewer, limit: size });
    const rows = (await ordered.where(place).execute()).map(toRow);
    return { places: placesOf(rows, order), end: rows.length < size ? undefined : lastKey(rows, order) };
  }
  const keys = (await keysInOrder(db, { order, after })).where(place);
  const most = Math.min(size, page);
  const selected = (await inOrder(db, { order, after: undefined, viewer, limit: most }))
    .where('p.row_id', 'in', keys.select('p.row_id').limit(size))
    .where(dialectOf(db).isPart(fold));
  const rows = (await selected.execute()).map(toRow);
  if (rows.length === most) return { places: placesOf(rows, order), end: lastKey(rows, order) };
  const end = await keys
    .select([sql.ref<number | string>(ORDERS[order].column).as('value'), 'p.publication_id as publicationId'])
    .limit(1)
    .offset(size - 1)
    .executeTakeFirst();
  const places = placesOf(rows, order);
  return { places: end === undefined ? places : [...places, { key: end, row: undefined }], end };
}

/** Which rows `p` a scope has; undefined when it names somebody who is not there. */
async function placeOf(db: Db, { owner, device }: Scope): Promise<RawBuilder<boolean> | undefined> {
  if (owner === undefined) return sql<boolean>`1 = 1`;
  const account = await db
    .selectFrom('accounts')
    .select('id')
    .where('user_fold', '=', foldUser(owner))
    .executeTakeFirst();
  if (account === undefined || device === undefined)
    return account && sql<boolean>`${sql.ref('p.account_id')} = ${account.id}`;
  const row = await db
    .selectFrom('devices')
    .select('id')
    .where('account_id', '=', account.id)
    .where('pin', '=', device)
    .executeTakeFirst();
  return row && sql<boolean>`${sql.ref('p.device_id')} = ${row.id}`;
}

export function placesOf(rows: readonly PublicationRow[], order: SearchOrder): Looked[] {
  return rows.map((row) => ({ row, key: keyOf(row, order) }));
}

export function lastKey(rows: readonly PublicationRow[], order: SearchOrder): SearchKey | undefined {
  const last = rows.at(-1);
  return last && keyOf(last, order);
}

function batchStream(start: Position, largest: number, load: (position: Position) => Promise<Batch>): RowStream {
  let batch: Batch = { places: [], end: start.after };
  let index = 0;
  let { size } = start;
  let isBegun = false;
  return {
    async next() {
      while (index === batch.places.length && (!isBegun || batch.end !== undefined)) {
        batch = await load({ ...start, after: batch.end, size });
        isBegun = true;
        size = Math.min(largest, size * 2);
        index = 0;
      }
      return batch.places[index++];
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
  from: From,
): Promise<RowStream> {
  const { viewer, devices } = live;
  const streams = devices.map(({ user, device }) =>
    streamRows(db, { viewer, owner: user, device }, from, devices.length),
  );
  if (live.publications.length > 0) {
    const rows = await selectRows(db, viewer).where('p.publication_id', 'in', live.publications).execute();
    streams.push(sortedStream(rows.map(toRow), from));
  }
  return mergeStreams(streams);
}

/** Rows that are in memory already, put in order. */
function sortedStream(rows: readonly PublicationRow[], { order, after }: From): RowStream {
  const places = sortedPlaces(placesOf(rows, order), { order, after });
  let index = 0;
  return { next: async () => places[index++] };
}

function sortedPlaces<T extends { readonly key: SearchKey }>(
  places: readonly T[],
  { order, after }: Pick<From, 'order' | 'after'>,
): T[] {
  return places
    .filter(({ key }) => after === undefined || compareKeys(after, key, order) < 0)
    .sort((a, b) => compareKeys(a.key, b.key, order));
}

/** Few rows of which only number and key are known yet: a page of them is loaded at a time. */
export function loadedStream(
  db: Db,
  found: readonly { readonly rowId: number; readonly key: SearchKey }[],
  { viewer, order, after, page }: Omit<From, 'fold'> & { readonly viewer: string },
): RowStream {
  const sorted = sortedPlaces(found, { order, after });
  let loaded: Looked[] = [];
  let index = 0;
  let first = 0;
  return {
    isShort: true,
    async next() {
      if (index === loaded.length && first < sorted.length) {
        const some = sorted.slice(first, first + Math.min(page, LARGEST_BATCH));
        const rowIds = some.map(({ rowId }) => rowId);
        const rows = (await selectRows(db, viewer).where('p.row_id', 'in', rowIds).execute()).map(toRow);
        const byId = new Map(rows.map((row) => [row.publicationId, row]));
        loaded = some.map(({ key }) => ({ key, row: byId.get(key.publicationId) }));
        first += some.length;
        index = 0;
      }
      return loaded[index++];
    },
  };
}

async function mergeStreams(streams: readonly RowStream[]): Promise<RowStream> {
  if (streams.length === 1 && streams[0] !== undefined) return streams[0];
  const heads: { place: Looked; readonly stream: RowStream }[] = [];
  for (const stream of streams) {
    const place = await stream.next();
    if (place !== undefined) heads.push({ place, stream });
  }
  let last: string | undefined;
  const take = async (): Promise<Looked | undefined> => {
    const head = heads.reduce<(typeof heads)[number] | undefined>(
      (best, other) =>
        best === undefined || compareKeys(other.place.key, best.place.key, 'newest') < 0 ? other : best,
      undefined,
    );
    if (head === undefined) return undefined;
    const { place } = head;
    const following = await head.stream.next();
    if (following === undefined) heads.splice(heads.indexOf(head), 1);
    else head.place = following;
    return place;
  };
  return {
    async next() {
      let place = await take();
      while (place?.row !== undefined && place.row.publicationId === last) place = await take();
      if (place?.row !== undefined) last = place.row.publicationId;
      return place;
    },
  };
}
