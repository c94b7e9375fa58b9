/** Saved searches in plain words: `save`, `searches`, `unsave`. */
import { formatCount, formatSize } from '../../common/content/format.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import type { SavedSearchRow } from '../api.js';
import { type Layout, listingOf, stacked } from './listing.js';
import { agoText } from './publications.js';
import { row } from './row.js';
import { quoteArgument } from './selector.js';
import { type Column, table } from './table.js';

/** `Saved as s1: …`. */
export function searchSaved(search: SavedSearchRow, isServing: boolean): string {
  const { into, searchId } = search;
  const what = into === undefined ? 'You are told' : `It is fetched into ${safeDisplay(into)}`;
  const event = search.untilUp === true ? 'once a source of it is online' : 'when something new matches';
  const when = isServing ? event : `${event} while a peer of yours runs`;
  return `Saved as ${safeDisplay(searchId)}: ${searchText(search)}. ${what} ${when}.`;
}

export function searchEnded(search: SavedSearchRow): string {
  return `The saved search ${safeDisplay(search.searchId)} has ended: ${searchText(search)}`;
}

/** `2 saved searches:` and what each has found, or `No saved searches`. */
export function listSearches(searches: readonly SavedSearchRow[], now: number): Layout {
  if (searches.length === 0) return () => listingOf([row('No saved searches')]);
  const columns: readonly Column<SavedSearchRow>[] = [
    { title: 'SEARCH', cell: searchText, tone: 'strong' },
    { title: 'FETCHED INTO', cell: ({ into }) => safeDisplay(into ?? '') },
    { title: 'FOUND', cell: (search) => foundText(search, now), align: 'right' },
    { title: 'ID', cell: ({ searchId }) => safeDisplay(searchId), tone: 'faint' },
  ];
  const heading = formatCount(searches.length, 'saved search', 'saved searches');
  return (width) => stacked([listingOf([row(`${heading}:`)]), table(searches, columns, width)]);
}

function foundText({ matches, lastMatchAt }: SavedSearchRow, now: number): string {
  return lastMatchAt === undefined ? String(matches) : `${matches}, last ${agoText(now - lastMatchAt)} ago`;
}

/** The search as it can be typed again. */
function searchText(search: SavedSearchRow): string {
  const { text, ignoreCase, owner, idPrefix, minSize, maxSize, publishedAfter, publishedBefore, endings, kind } =
    search;
  const types = endings?.join(',') ?? kind;
  const words = [
    quoteArgument(text),
    ignoreCase === true ? '-i' : '',
    owner === undefined ? '' : `--owner ${owner}`,
    idPrefix === undefined ? '' : `--id ${idPrefix}`,
    minSize === undefined ? '' : `--min-size ${formatSize(minSize)}`,
    maxSize === undefined ? '' : `--max-size ${formatSize(maxSize)}`,
    types === undefined ? '' : `--type ${types}`,
    publishedAfter === undefined ? '' : `--since ${dayText(publishedAfter)}`,
    publishedBefore === undefined ? '' : `--before ${dayText(publishedBefore)}`,
    search.untilUp === true ? '--up' : '',
  ];
  return safeDisplay(words.filter((word) => word !== '').join(' '));
}

function dayText(at: number): string {
  return new Date(at).toLocaleDateString('sv-SE');
}
