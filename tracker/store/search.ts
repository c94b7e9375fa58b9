/**
 * Search: the candidates come from the most selective place there is (an index, the live devices, or all rows newest first),
 * each is then checked exactly. What cannot be told within the budget is `partial`, with the place to go on.
 */
import { type Kysely, sql } from 'kysely';
import type { Clock } from '../../common/runtime/clock.js';
import { foldUser } from './fold-user.js';
import type { LiveSet } from './live-set.js';
import { selectRows, toRow } from './publications-table.js';
import { type RowStream, sortedStream, streamLive, streamRows } from './row-streams.js';
import { searchFold } from './search-fold.js';
import type { PublicationRow, RowKey, SearchPage, SearchQuery } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** One search may hold up the others, and the writers, no longer than this, ms. */
export const SEARCH_BUDGET_MS = 20;
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
}

export async function search(place: SearchPlace, query: SearchQuery): Promise<SearchPage> {
  const endsAt = place.clock.monotonic() + SEARCH_BUDGET_MS;
  const matches = matcher(place, query);
  const stream = await candidates(place, query);
  const rows: PublicationRow[] = [];
  let last: RowKey | undefined;
  for (let looked = 1; ; looked += 1) {
    const row = await stream.next();
    if (row === undefined) return { rows, next: undefined, isPartial: false };
    if (rows.length === query.limit && matches(row)) return { rows, next: keyOf(last), isPartial: false };
    if (rows.length < query.limit && matches(row)) rows.push(row);
    last = row;
    if (looked % ROWS_PER_LOOK === 0 && place.clock.monotonic() >= endsAt)
      return { rows, next: keyOf(last), isPartial: true };
  }
}

function keyOf(row: RowKey | undefined): RowKey | undefined {
  return row === undefined ? undefined : { publishedAt: row.publishedAt, publicationId: row.publicationId };
}

/** The whole meaning of a query: what the candidates come from only decides how fast it is answered. */
function matcher({ live }: SearchPlace, query: SearchQuery): (row: PublicationRow) => boolean {
  const form = query.ignoreCase ? searchFold : (name: string): string => name;
  const text = form(query.text);
  const hasText = query.exact
    ? (name: string) => form(name) === text
    : (name: string) => text === '' || form(name).includes(text);
  const owner = query.owner === undefined ? undefined : foldUser(query.owner);
  const notOwner = query.exceptUser === undefined ? undefined : foldUser(query.exceptUser);
  return (row) =>
    hasText(row.name) &&
    (owner === undefined || foldUser(row.owner) === owner) &&
    (notOwner === undefined || foldUser(row.owner) !== notOwner) &&
    (query.idPrefix === undefined || row.fileId.startsWith(query.idPrefix)) &&
    (!query.liveOnly || live.has(row));
}

async function candidates(place: SearchPlace, query: SearchQuery): Promise<RowStream> {
  const rowIds = indexedRows(place.db, query);
  if (rowIds !== undefined) {
    const found = await rowIds.execute();
    if (found.length <= MAX_CANDIDATES)
      return loadCandidates(
        place.db,
        found.map(({ row_id }) => row_id),
        query,
      );
  }
  if (query.liveOnly && place.live.size <= MAX_LIVE_PLACES)
    return streamLive(place.db, { ...livePlaces(place), viewer: query.viewer }, query.after);
  const { viewer, owner } = query;
  return streamRows(place.db, owner === undefined ? { viewer } : { viewer, owner }, query.after);
}

function livePlaces({ live }: SearchPlace) {
  return { devices: live.devices, publications: live.publications };
}

/** At most one row more than `MAX_CANDIDATES`, from the index that fits the query; undefined when none does. */
function indexedRows(db: Db, query: SearchQuery) {
  const rowIds = db
    .selectFrom('publications')
    .select('row_id')
    .limit(MAX_CANDIDATES + 1);
  const fold = searchFold(query.text);
  if (query.idPrefix !== undefined) {
    return rowIds.where('file_id', '>=', query.idPrefix).where('file_id', '<', `${query.idPrefix}g`); // "g" follows every digit
  }
  if (query.exact) return rowIds.where('fold', '=', fold);
  if ([...fold].length < TRIGRAM) return undefined;
  // In quotes everything is literal but the quote itself; a NUL would end the expression, and no name has one.
  const phrase = `"${fold.replaceAll('"', '""')}"`;
  if (fold.includes('\0')) return rowIds.where('row_id', '<', 0);
  return rowIds.where(
    'row_id',
    'in',
    sql<number>`(SELECT rowid FROM publications_trigrams WHERE publications_trigrams MATCH ${phrase} LIMIT ${MAX_CANDIDATES + 1})`,
  );
}

/** Parameters of one statement. */
const LOAD_BATCH = 250;

async function loadCandidates(db: Db, rowIds: readonly number[], { after, viewer }: SearchQuery): Promise<RowStream> {
  const rows: PublicationRow[] = [];
  for (let first = 0; first < rowIds.length; first += LOAD_BATCH) {
    const loaded = await selectRows(db, viewer)
      .where('p.row_id', 'in', rowIds.slice(first, first + LOAD_BATCH))
      .execute();
    rows.push(...loaded.map(toRow));
  }
  return sortedStream(rows, after);
}
