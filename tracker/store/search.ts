/**
 * Search: the candidates come from the most selective place there is (an index, the live devices, or all rows newest first),
 * each is then checked exactly. What cannot be told within the budget is `partial`, with the place to go on.
 */
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import type { Clock } from '../../common/runtime/clock.js';
import { dialectOf, hasPart } from './dialect.js';
import { accountOf, foldUser } from './fold-user.js';
import type { LiveSet } from './live-set.js';
import type { NameIndex } from './name-index.js';
import { streamNamed } from './named-stream.js';
import { loadedStream, type RowStream, streamLive, streamRows } from './row-streams.js';
import { searchFold } from './search-fold.js';
import { matcherOf } from './search-match.js';
import { isPastEnd, ORDERS, startOf } from './search-order.js';
import type { DeviceKey, PublicationRow, SearchKey, SearchPage, SearchQuery } from './store.js';
import type { Tables } from './tables.js';
import { hasTrigram } from './trigram-sample.js';

type Db = Kysely<Tables>;

/** More candidates than this are not "few": sorting them would cost more than walking newest first. */
const MAX_CANDIDATES = 1_000;
/** Up to so many live devices and publications, a search without an index looks at them alone. */
const MAX_LIVE_PLACES = 64;
/** The clock is asked once in so many rows. */
const ROWS_PER_LOOK = 16;
/** So many rows of an owner, or of live devices, are looked through in some ms. */
const MAX_LOOKED_THROUGH = 8_192;

export interface SearchPlace {
  readonly db: Db;
  readonly live: LiveSet;
  readonly clock: Clock;
  /** On SQLite. */
  readonly names?: NameIndex | undefined;
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
    // To end among few would tell somebody who names what is hidden from him that it is there.
    const isTimeToLook = stream.isShort !== true && (row === undefined || looked % ROWS_PER_LOOK === 0);
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
  const { db, live, names } = place;
  const { viewer, owner, order = 'newest' } = query;
  const fold = searchFold(query.text);
  const from = { order, after: startOf(query), fold, page: query.limit + 1 };
  if (names !== undefined && isTextOnly(query, fold)) {
    const isByTime = order === 'newest' || order === 'oldest';
    if (isByTime && !(await isOfFew(place, query)))
      return streamNamed({ db, names }, owner === undefined ? { viewer } : { viewer, owner }, from);
  }
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

/** Nothing names the rows better than their text. */
function isTextOnly({ publicationIds, idPrefix, exact }: SearchQuery, fold: string): boolean {
  return publicationIds === undefined && idPrefix === undefined && !exact && fold !== '' && !fold.includes('\0');
}

/** Whether the owner, or the live devices, have so few rows that these are looked through sooner than the index of names. */
async function isOfFew({ db, live }: SearchPlace, { owner, liveOnly }: SearchQuery): Promise<boolean> {
  const isOfFewPlaces = liveOnly && live.size <= MAX_LIVE_PLACES;
  if (owner === undefined && !isOfFewPlaces) return false;
  const counts =
    owner === undefined
      ? await countsOf(db, live.devices)
      : await db.selectFrom('accounts').select('publications').where('user_fold', '=', foldUser(owner)).execute();
  return counts.reduce((sum, { publications }) => sum + publications, 0) <= MAX_LOOKED_THROUGH;
}

function countsOf(db: Db, devices: readonly DeviceKey[]): Promise<{ publications: number }[]> {
  const places = JSON.stringify(devices.map(({ user, device }) => [foldUser(user), device]));
  return db
    .selectFrom('devices')
    .select('publications')
    .where(
      sql<boolean>`id IN (SELECT d.id FROM json_each(${places}) AS w CROSS JOIN accounts AS a ON a.user_fold = w.value ->> 0
        CROSS JOIN devices AS d ON d.account_id = a.id AND d.pin = w.value ->> 1)`,
    )
    .execute();
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
  const indexed = indexedRows(place, rowIds, query);
  if (indexed !== undefined || (query.order ?? 'newest') === 'newest') return indexed;
  if (query.owner !== undefined) return rowIds.where('account_id', '=', accountOf(query.owner));
  return query.liveOnly && place.live.size <= MAX_LIVE_PLACES ? liveRows(rowIds, place) : undefined;
}

type RowIds = SelectQueryBuilder<Tables, 'publications', { row_id: number }>;

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

function indexedRows({ db, names }: SearchPlace, rowIds: RowIds, query: SearchQuery): RowIds | undefined {
  const fold = searchFold(query.text);
  if (query.idPrefix !== undefined) return rowIds.where(dialectOf(db).hasFileId(query.idPrefix, MAX_CANDIDATES + 1));
  if (fold.includes('\0')) return rowIds.where('row_id', '<', 0); // no name has one
  if (query.exact) return rowIds.where('fold', '=', fold);
  if (!hasTrigram(fold)) return undefined;
  if (names === undefined) return rowIds.where(hasPart(fold));
  const found = names.finder(fold, 'newest')({ from: 1, to: names.lastRow }, MAX_CANDIDATES + 1);
  return rowIds.where(sql<boolean>`row_id IN (${dialectOf(db).rowsOf(found, 'bigint')})`);
}
