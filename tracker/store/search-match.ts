/** Whether a publication is what somebody looks for: the whole meaning of a search but for who may see what, and its order. */
import { foldUser } from './fold-user.js';
import { searchFold } from './search-fold.js';
import type { PublicationRow, SearchFilters } from './store.js';

export interface MatchQuery extends SearchFilters {
  readonly text: string;
  readonly ignoreCase: boolean;
  /** The whole name must equal the text. */
  readonly exact: boolean;
  readonly exceptUser?: string | undefined;
}

export type Matchable = Pick<PublicationRow, 'name' | 'owner' | 'size' | 'fileId' | 'kind' | 'publishedAt'>;

/** A test to be used many times: what it needs of the query is made ready once. */
export function matcherOf(query: MatchQuery): (row: Matchable) => boolean {
  const hasText = textTest(query);
  const hasEnding = endingTest(query.endings);
  const owner = query.owner === undefined ? undefined : foldUser(query.owner);
  const notOwner = query.exceptUser === undefined ? undefined : foldUser(query.exceptUser);
  const { idPrefix, kind, minSize = 0, maxSize = Infinity, publishedAfter = 0, publishedBefore = Infinity } = query;
  return (row) =>
    row.size >= minSize &&
    row.size <= maxSize &&
    row.publishedAt >= publishedAfter &&
    row.publishedAt < publishedBefore &&
    hasText(row.name) &&
    hasEnding(row.name) &&
    (owner === undefined || foldUser(row.owner) === owner) &&
    (notOwner === undefined || foldUser(row.owner) !== notOwner) &&
    (idPrefix === undefined || row.fileId.startsWith(idPrefix)) &&
    (kind === undefined || row.kind === kind);
}

function textTest({ text, ignoreCase, exact }: MatchQuery): (name: string) => boolean {
  const form = ignoreCase ? searchFold : (name: string): string => name;
  const wanted = form(text);
  if (exact) return (name) => form(name) === wanted;
  return wanted === '' ? () => true : (name) => form(name).includes(wanted);
}

function endingTest(endings: readonly string[] | undefined): (name: string) => boolean {
  if (endings === undefined) return () => true;
  const wanted = endings.map((ending) => `.${searchFold(ending)}`);
  return (name) => {
    const fold = searchFold(name);
    return wanted.some((ending) => fold.endsWith(ending));
  };
}
