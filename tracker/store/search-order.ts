/** The orders of a search: what stands before what, where a page goes on, and where nothing more can come. */
import type { SearchOrder } from '../../common/protocol/search-fields.js';
import { searchFold } from './search-fold.js';
import type { PublicationRow, SearchKey, SearchQuery } from './store.js';

interface Order {
  readonly column: 'p.published_at' | 'p.fold' | 'p.size';
  readonly isDescending: boolean;
  readonly value: (row: PublicationRow) => number | string;
}

export const ORDERS: Readonly<Record<SearchOrder, Order>> = {
  newest: { column: 'p.published_at', isDescending: true, value: ({ publishedAt }) => publishedAt },
  oldest: { column: 'p.published_at', isDescending: false, value: ({ publishedAt }) => publishedAt },
  name: { column: 'p.fold', isDescending: false, value: ({ name }) => searchFold(name) },
  largest: { column: 'p.size', isDescending: true, value: ({ size }) => size },
  smallest: { column: 'p.size', isDescending: false, value: ({ size }) => size },
};

export function keyOf(row: PublicationRow, order: SearchOrder): SearchKey {
  return { value: ORDERS[order].value(row), publicationId: row.publicationId };
}

/** Negative when `a` stands before `b`. Texts compare as their UTF-8 bytes, as SQLite does; ids are ASCII. */
export function compareKeys(a: SearchKey, b: SearchKey, order: SearchOrder): number {
  const difference = compareValues(a.value, b.value) || compareIds(a.publicationId, b.publicationId);
  return ORDERS[order].isDescending ? -difference : difference;
}

function compareValues(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Behind which key rows can match at all: where the last page ended, or where a limit of the query begins. */
export function startOf(query: SearchQuery): SearchKey | undefined {
  const { order = 'newest', after } = query;
  const bound = firstBound(query, order);
  if (bound === undefined || after === undefined) return after ?? bound;
  return compareKeys(after, bound, order) > 0 ? after : bound;
}

/** No id is empty, so a key without one stands before all of its value when it ascends, and behind them when it descends. */
function firstBound(query: SearchQuery, order: SearchOrder): SearchKey | undefined {
  const at = (value: number | undefined): SearchKey | undefined =>
    value === undefined ? undefined : { value, publicationId: '' };
  switch (order) {
    case 'newest':
      return at(query.publishedBefore);
    case 'oldest':
      return at(query.publishedAfter);
    case 'largest':
      return at(query.maxSize === undefined ? undefined : query.maxSize + 1);
    case 'smallest':
      return at(query.minSize);
    case 'name':
      return undefined;
  }
}

/** True when neither the row at this place nor one behind it can match. */
export function isPastEnd({ value }: SearchKey, query: SearchQuery): boolean {
  const { publishedAfter = 0, publishedBefore = Infinity, minSize = 0, maxSize = Infinity } = query;
  switch (query.order ?? 'newest') {
    case 'newest':
      return Number(value) < publishedAfter;
    case 'oldest':
      return Number(value) >= publishedBefore;
    case 'largest':
      return Number(value) < minSize;
    case 'smallest':
      return Number(value) > maxSize;
    case 'name':
      return false;
  }
}
