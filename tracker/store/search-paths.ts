/**
 * Search among the files inside folders: from the index when it names few, else folder by folder, newest first. Checked exactly, and
 * stopped at the same budget as the search for publications. Order: as publications, then as the folder's paths came here.
 */
import { type Expression, type Kysely, sql } from 'kysely';
import { dialectOf } from './dialect.js';
import { foldUser } from './fold-user.js';
import type { LiveSet } from './live-set.js';
import type { PathKey, PathPage, PathQuery, PathRow } from './path-rows.js';
import { inOrder, keysInOrder, selectRows, toRow } from './publication-rows.js';
import { isNewer } from './row-streams.js';
import type { SearchPlace } from './search.js';
import { searchFold } from './search-fold.js';
import type { PublicationRow } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

const MAX_CANDIDATES = 1_000;
const LOAD_BATCH = 250;
const FOLDER_BATCH = 64;
/** Publications among which folders are looked for by one statement: some ms. There may be a million, and no folder. */
const FOLDER_WINDOW = 4_096;
const WALK_BATCH = 256;
const TRIGRAM = 3;
/** Behind every path of a folder. */
const BEHIND_ALL = Number.MAX_SAFE_INTEGER;

interface Work {
  readonly place: SearchPlace;
  readonly query: PathQuery;
  readonly rows: PathRow[];
  readonly endsAt: number;
  readonly hasText: (path: string) => boolean;
  readonly isWanted: (row: PublicationRow) => boolean;
}

export async function searchPaths(place: SearchPlace, query: PathQuery): Promise<PathPage> {
  const work: Work = {
    place,
    query,
    rows: [],
    endsAt: place.clock.monotonic() + place.budgetMs,
    hasText: textMatcher(query),
    isWanted: folderMatcher(place.live, query),
  };
  const ids = await indexed(place.db, searchFold(query.text));
  return ids === undefined ? walk(work) : fromIndex(work, ids);
}

function textMatcher({ text, ignoreCase }: PathQuery): (path: string) => boolean {
  if (!ignoreCase) return (path) => path.includes(text);
  const fold = searchFold(text);
  return (path) => searchFold(path).includes(fold);
}

/** What is in a locked folder is its owner's business until it is unlocked. */
function folderMatcher(
  live: LiveSet,
  { owner, exceptUser, liveOnly, viewer }: PathQuery,
): (row: PublicationRow) => boolean {
  const only = owner === undefined ? undefined : foldUser(owner);
  const not = exceptUser === undefined ? undefined : foldUser(exceptUser);
  return (row) =>
    (row.passcodeHash === undefined || foldUser(row.owner) === foldUser(viewer)) &&
    (only === undefined || foldUser(row.owner) === only) &&
    (not === undefined || foldUser(row.owner) !== not) &&
    (!liveOnly || live.has(row));
}

/** Undefined when the index does not know the text, or too many. */
async function indexed(db: Db, fold: string): Promise<number[] | undefined> {
  if ([...fold].length < TRIGRAM) return undefined;
  if (fold.includes('\0')) return []; // no path has one
  const { hasPath, tryBriefly } = dialectOf(db);
  const few = db
    .selectFrom('paths')
    .select('path_id')
    .where(hasPath(fold, MAX_CANDIDATES + 1))
    .limit(MAX_CANDIDATES + 1);
  const rows = await tryBriefly(db, () => few.execute());
  return rows === undefined || rows.length > MAX_CANDIDATES ? undefined : rows.map(({ path_id }) => path_id);
}

async function fromIndex({ place, query, hasText, isWanted }: Work, ids: readonly number[]): Promise<PathPage> {
  const found: PathRow[] = [];
  for (let first = 0; first < ids.length; first += LOAD_BATCH) {
    const rows = await selectPaths(place.db, query.viewer)
      .where('q.path_id', 'in', ids.slice(first, first + LOAD_BATCH))
      .execute();
    found.push(...rows.map(toPathRow).filter((row) => hasText(row.path) && isWanted(row)));
  }
  const { after, limit } = query;
  const sorted = found
    .filter((row) => after === undefined || comesBefore(after, row))
    .sort((a, b) => (comesBefore(a, b) ? -1 : 1));
  const rows = sorted.slice(0, limit);
  return { rows, next: sorted.length > limit ? keyOf(rows.at(-1)) : undefined, isPartial: false };
}

async function walk(work: Work): Promise<PathPage> {
  const { place, query } = work;
  let after = query.after;
  if (after !== undefined) {
    // Where the page before ended may be inside a folder.
    const current = await selectRows(place.db, query.viewer)
      .where('p.publication_id', '=', after.publicationId)
      .executeTakeFirst();
    const folder = current && toRow(current);
    const isWanted = folder !== undefined && work.isWanted(folder); // it may have been locked since
    const page = isWanted ? await walkFolder(work, folder, after.pathId) : undefined;
    if (page !== undefined) return page;
  }
  for (;;) {
    const keys = await keysInOrder(place.db, {
      order: 'newest',
      after: after && { value: after.publishedAt, publicationId: after.publicationId },
    });
    const folders = await foldersOf(place.db, keys.select('p.row_id').limit(FOLDER_WINDOW), query.viewer);
    for (const folder of folders) {
      const page = work.isWanted(folder) ? await walkFolder(work, folder, 0) : undefined;
      if (page !== undefined) return page;
      after = { ...folder, pathId: BEHIND_ALL };
      if (place.clock.monotonic() >= work.endsAt) return { rows: work.rows, next: keyOf(after), isPartial: true };
    }
    if (folders.length === FOLDER_BATCH) continue;
    const end = await keys
      .select(['p.published_at as publishedAt', 'p.publication_id as publicationId'])
      .limit(1)
      .offset(FOLDER_WINDOW - 1)
      .executeTakeFirst();
    if (end === undefined) return { rows: work.rows, next: undefined, isPartial: false };
    after = { ...end, pathId: BEHIND_ALL };
    if (place.clock.monotonic() >= work.endsAt) return { rows: work.rows, next: keyOf(after), isPartial: true };
  }
}

async function foldersOf(db: Db, window: Expression<{ row_id: number }>, viewer: string): Promise<PublicationRow[]> {
  const ordered = await inOrder(db, { order: 'newest', limit: FOLDER_BATCH, after: undefined, viewer });
  const found = await ordered.where('p.row_id', 'in', sql<number>`${window}`).where('p.kind', '=', 'folder').execute();
  return found.map(toRow);
}

/** Undefined when the folder has no more and the page has room. */
async function walkFolder(work: Work, folder: PublicationRow, from: number): Promise<PathPage | undefined> {
  const { place, query, rows, hasText } = work;
  for (let last = from; ; ) {
    const batch = await place.db
      .selectFrom('paths as q')
      .innerJoin('folders as f', 'f.folder', 'q.folder')
      .select(['q.path_id', 'q.path', 'q.size', 'q.file_id'])
      .where('f.publication_id', '=', folder.publicationId)
      .where('q.path_id', '>', last)
      .orderBy('q.path_id')
      .limit(WALK_BATCH)
      .execute();
    for (const { path_id: pathId, path, size, file_id: fileId } of batch) {
      if (hasText(path)) {
        if (rows.length === query.limit) return { rows, next: keyOf(rows.at(-1)), isPartial: false };
        rows.push({ ...folder, pathId, path, fileSize: size, pathFileId: fileId });
      }
      last = pathId;
    }
    if (batch.length < WALK_BATCH) return undefined;
    if (place.clock.monotonic() >= work.endsAt)
      return { rows, next: keyOf({ ...folder, pathId: last }), isPartial: true };
  }
}

function selectPaths(db: Db, viewer: string) {
  return selectRows(db, viewer)
    .innerJoin('folders as g', 'g.publication_id', 'p.publication_id')
    .innerJoin('paths as q', 'q.folder', 'g.folder')
    .select(['q.path_id', 'q.path', 'q.size as path_size', 'q.file_id as path_file_id']);
}

function toPathRow(row: Awaited<ReturnType<ReturnType<typeof selectPaths>['execute']>>[number]): PathRow {
  return {
    ...toRow(row),
    pathId: row.path_id,
    path: row.path,
    fileSize: row.path_size,
    pathFileId: row.path_file_id,
  };
}

function comesBefore(a: PathKey, b: PathKey): boolean {
  if (a.publicationId !== b.publicationId || a.publishedAt !== b.publishedAt) return isNewer(a, b);
  return a.pathId < b.pathId;
}

function keyOf(row: PathKey | undefined): PathKey | undefined {
  if (row === undefined) return undefined;
  const { publishedAt, publicationId, pathId } = row;
  return { publishedAt, publicationId, pathId };
}
