/**
 * Search: the candidates come from the most selective place there is (an index, the live devices, or all rows newest first),
 * each is then checked exactly. What cannot be told within the budget is `partial`, with the place to go on.
 */
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import type { Clock } from '../../common/runtime/clock.js';
import { dialectOf } from './dialect.js';
import { foldUser } from './fold-user.js';
import type { LiveSet } from './live-set.js';
import { loadedStream, type RowStream, streamLive, streamRows } from './row-streams.js';
import { searchFold } from './search-fold.js';
import { matcherOf } from './search-match.js';
import { isPastEnd, ORDERS, startOf } from './search-order.js';
import type { PublicationRow, SearchKey, SearchPage, SearchQuery } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** More candidates than this are not "few": sorting them would cost more than walking newest first. */
const MAX_CANDIDATES = 1_000;
/** Up to so many live devices and publications, a search without an index looks at them alone. */
const MAX_LIVE_PLACES = 64;
/** The clock is asked once in so many rows. */
const ROWS_PER_LOOK = 16;
/** The index knows three letters together, not fewer. */
const TRIGRAM = 3;

export interface SearchPlace {
  readonly db: Db;
  readonly live: LiveSet;
  readonly clock: Clock;
  /** Then it answers `partial`. */
  readonly budgetMs: number;
}

export async function search(place: SearchPlace, query: SearchQuery): Promise<SearchPage> {
  const endsAt = place.clock.monotonic() + place.budgetMs;
  const matches = matcherOf(query);
  const isWanted = (row: PublicationRow): boolean => (!query.liveOnly || place.live.has(row)) && matches(row);
  const stream = await candidates(place, { ...query, after: await resolvePosition(place.db, query) });
  const rows: PublicationRow[] = [];
  let last: SearchKey | undefined;
  for (let looked = 1; ; looked += 1) {
    const found = await stream.next();
    if (found === undefined || isPastEnd(found.key, query)) return { rows, next: undefined, isPartial: false };
    const { row, key } = found;
    if (row !== undefined && isWanted(row)) {
      if (rows.length === query.limit) return { rows, next: last, isPartial: false };
      rows.push(row);
    }
    last = key;
    const isTimeToLook = row === undefined || looked % ROWS_PER_LOOK === 0;
    if (isTimeToLook && place.clock.monotonic() >= endsAt) return { rows, next: last, isPartial: true };
  }
}

/** A cursor holds only the beginning of a name: the row says the rest, and one that is gone leaves its beginning to go on from. */
async function resolvePosition(db: Db, { order, after }: SearchQuery): Promise<SearchKey | undefined> {
  if (order !== 'name' || after === undefined) return after;
  const { publicationId, value } = after;
  const row = await db
    .selectFrom('publications')
    .select('fold')
    .where('publication_id', '=', publicationId)
    .executeTakeFirst();
  if (row?.fold.startsWith(String(value)) === true) return { value: row.fold, publicationId };
  return { value, publicationId: '' };
}

async function candidates(place: SearchPlace, query: SearchQuery): Promise<RowStream> {
  const { db, live } = place;
  const { viewer, owner, order = 'newest' } = query;
  const fold = searchFold(query.text);
  const from = { order, after: startOf(query), fold, page: query.limit + 1 };
  const few = fewRows(place, query)?.select([
    sql.ref<number | string>(ORDERS[order].column.slice(2)).as('value'),
    'publication_id as publicationId',
  ]);
  if (few !== undefined) {
    const found = await dialectOf(db).tryBriefly(db, () => few.execute());
    if (found !== undefined && found.length <= MAX_CANDIDATES) {
      const keyed = found.map(({ row_id: rowId, ...key }) => ({ rowId, key }));
      return loadedStream(db, keyed, { ...from, viewer });
    }
  }
  if (order !== 'newest') return streamRows(db, { viewer }, from); // one index for all; whose row it is, is checked
  if (query.liveOnly && live.size <= MAX_LIVE_PLACES) return streamLive(db, { ...livePlaces(place), viewer }, from);
  return streamRows(db, owner === undefined ? { viewer } : { viewer, owner }, from);
}

function livePlaces({ live }: SearchPlace) {
  return { devices: live.devices, publications: live.publications };
}

/**
 * At most one row more than `MAX_CANDIDATES`, from the index that fits the query; undefined when none does. In other orders than
 * newest first whose index is not that of an owner or a device, so these are looked up too: few rows are sorted here.
 */
function fewRows(place: SearchPlace, query: SearchQuery) {
  const rowIds = place.db
    .selectFrom('publications')
    .select('row_id')
    .limit(MAX_CANDIDATES + 1);
  if (query.publicationIds !== undefined) return rowIds.where('publication_id', 'in', query.publicationIds);
  const indexed = indexedRows(place.db, rowIds, query);
  if (indexed !== undefined || (query.order ?? 'newest') === 'newest') return indexed;
  if (query.owner !== undefined) return rowIds.where('account_id', '=', accountOf(query.owner));
  return query.liveOnly && place.live.size <= MAX_LIVE_PLACES ? liveRows(rowIds, place) : undefined;
}

type RowIds = SelectQueryBuilder<Tables, 'publications', { row_id: number }>;

function accountOf(user: string) {
  return sql<number>`(SELECT id FROM accounts WHERE user_fold = ${foldUser(user)})`;
}

function liveRows(rowIds: RowIds, { live }: SearchPlace): RowIds {
  const { devices, publications } = live;
  const deviceIds = devices.map(
    ({ user, device }) => sql`(SELECT id FROM devices WHERE account_id = ${accountOf(user)} AND pin = ${device})`,
  );
  return rowIds.where((eb) =>
    eb.or([
      ...(deviceIds.length > 0 ? [sql<boolean>`device_id IN (${sql.join(deviceIds)})`] : []),
      ...(publications.length > 0 ? [eb('publication_id', 'in', publications)] : []),
    ]),
  );
}

function indexedRows(db: Db, rowIds: RowIds, query: SearchQuery): RowIds | undefined {
  const fold = searchFold(query.text);
  if (query.idPrefix !== undefined) {
    return rowIds.where('file_id', '>=', query.idPrefix).where('file_id', '<', `${query.idPrefix}g`); // "g" follows every digit
  }
  if (fold.includes('\0')) return rowIds.where('row_id', '<', 0); // no name has one
  if (query.exact) return rowIds.where('fold', '=', fold);
  if ([...fold].length < TRIGRAM) return undefined;
  return rowIds.where(dialectOf(db).hasPart('publications', fold, MAX_CANDIDATES + 1));
}
