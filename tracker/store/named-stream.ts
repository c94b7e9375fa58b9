/**
 * Rows whose name has a text, newest or oldest first, from SQLite's index of names: it is read in the order of the list and left once a page
 * is full, so what is common costs no more than what is rare. It is asked for a range of rows at a time, so that a search whose trigrams are
 * common, but hardly ever together, can stop when its time is over.
 */
import { type Kysely, sql } from 'kysely';
import { foldUser } from './fold-user.js';
import type { NameIndex } from './name-index.js';
import { prepared } from './prepared.js';
import { allRows, toRow } from './publication-rows.js';
import { visibleTo } from './rights-table.js';
import { rowAt, rowNear } from './row-order.js';
import { type From, type Looked, placesOf, type RowStream, type Scope } from './row-streams.js';
import type { Tables } from './tables.js';
import { hasTrigram } from './trigram-sample.js';

/** Rows of a range: some ms of the index where hardly one of them is found; without it each row is looked at. */
const INDEXED_RANGE = 524_288;
const LOOKED_RANGE = 8_192;

interface NamePlace {
  readonly db: Kysely<Tables>;
  readonly names: NameIndex;
}

export function streamNamed(place: NamePlace, scope: Scope, from: From): RowStream {
  const rest = steps(place, scope, from);
  let loaded: readonly Looked[] = [];
  let index = 0;
  return {
    async next() {
      while (index === loaded.length) {
        const step = await rest.next();
        if (step.done === true) return undefined;
        loaded = step.value;
        index = 0;
      }
      return loaded[index++];
    },
  };
}

async function* steps(place: NamePlace, scope: Scope, from: From): AsyncGenerator<readonly Looked[], void> {
  const { db, names } = place;
  const { after, fold, page } = from;
  const isNewest = from.order === 'newest';
  const find = names.finder(fold, isNewest ? 'newest' : 'oldest');
  const last = names.lastRow;
  const behind = after && (await rowAt(db, after));
  let next = isNewest ? Math.min(last, Math.ceil((behind ?? Infinity) - 1)) : Math.floor((behind ?? 0) + 1);
  const size = hasTrigram(fold) ? INDEXED_RANGE : LOOKED_RANGE;
  while (isNewest ? next >= 1 : next <= last) {
    const end = isNewest ? Math.max(1, next - size + 1) : Math.min(last, next + size - 1);
    while (isNewest ? next >= end : next <= end) {
      const rows = find(isNewest ? { from: end, to: next } : { from: next, to: end }, page);
      const reached = rows.length < page ? end : (rows.at(-1) ?? end);
      next = reached + (isNewest ? -1 : 1);
      const places = rows.length === 0 ? [] : await load(place, scope, from, rows);
      // How far was looked, for a cursor: the caller's time may be over.
      const near = places.length === page ? undefined : await rowNear(db, reached, isNewest);
      const isBehind =
        near !== undefined && (behind === undefined || (isNewest ? near.row < behind : near.row > behind));
      yield isBehind ? [...places, { key: near.key, row: undefined }] : places;
    }
  }
}

interface Named {
  /** Folded. */
  readonly viewer: string;
  readonly owner: string | null;
  /** JSON of their numbers. */
  readonly rows: string;
}

/** Those of these rows that are the viewer's to see. Each search asks this: to build the statement takes a fifth as long as to carry it out. */
function named(db: Kysely<Tables>, { viewer, owner, rows }: Named) {
  return allRows(db)
    .where(visibleTo(sql`(SELECT id FROM accounts WHERE user_fold = ${viewer})`))
    .where(sql<boolean>`p.row_id IN (SELECT value FROM json_each(${rows}))`)
    .where(sql<boolean>`(${owner} IS NULL OR a.user_fold = ${owner})`);
}

const SELECT = {
  newest: prepared((db, values: Named) => named(db, values).orderBy('p.row_id', 'desc').compile()),
  oldest: prepared((db, values: Named) => named(db, values).orderBy('p.row_id', 'asc').compile()),
};

async function load(
  { db }: NamePlace,
  { viewer, owner }: Scope,
  { order }: From,
  rowIds: readonly number[],
): Promise<readonly Looked[]> {
  const select = order === 'newest' ? SELECT.newest : SELECT.oldest;
  const rows = await select(db, {
    viewer: foldUser(viewer),
    owner: owner === undefined ? null : foldUser(owner),
    rows: JSON.stringify(rowIds),
  });
  return placesOf(rows.map(toRow), order);
}
