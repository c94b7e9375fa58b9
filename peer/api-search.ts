/** Searching and saved searches as `api.ts` shows them. */
import type { PublicationRow } from './api.js';

export const SEARCH_ORDERS = ['newest', 'oldest', 'name', 'largest', 'smallest'] as const;
export type SearchOrder = (typeof SEARCH_ORDERS)[number];

/** What narrows a search; all that is there must hold. */
export interface SearchFilters {
  readonly owner?: string;
  /** 16 or more leading digits of a file id. */
  readonly idPrefix?: string;
  /** Bytes, both included. */
  readonly minSize?: number;
  readonly maxSize?: number;
  /** ms since epoch; the first is included, the second is not. */
  readonly publishedAfter?: number;
  readonly publishedBefore?: number;
  /** The name ends in a dot and one of these; case does not count. */
  readonly endings?: readonly string[];
  readonly kind?: 'file' | 'folder';
}

export interface SearchInput extends SearchFilters {
  readonly text: string;
  readonly ignoreCase?: boolean;
  /** Also what has no live source, with last seen. */
  readonly all?: boolean;
  /** Also my own (only `list` does). */
  readonly mine?: boolean;
  /** Default: `newest`. */
  readonly sort?: SearchOrder;
  /** Rows wanted; default 100, most 1,000. */
  readonly limit?: number;
  /** Good for the same `sort` alone. */
  readonly cursor?: string;
}

export interface SearchResult {
  readonly publications: readonly PublicationRow[];
  /** More rows follow: give it back as `cursor`. */
  readonly cursor?: string;
  /** The tracker stopped at its time budget; the rows are right, but there may be more behind `cursor`. */
  readonly partial: boolean;
}

/** A search that goes on: what is published from now on and matches is told, or fetched. */
export interface SaveInput extends SearchFilters {
  readonly text: string;
  readonly ignoreCase?: boolean;
  /** Fetch what matches into this folder by itself; absolute. Absent: only tell. */
  readonly into?: string;
  /** Also what was published before: as soon as a source of something that matches is online, once; then the search ends. */
  readonly untilUp?: boolean;
}

export interface SavedSearchRow extends SaveInput {
  /** `s1`, `s2`, … */
  readonly searchId: string;
  /** ms since epoch. */
  readonly createdAt: number;
  /** What it has found so far. */
  readonly matches: number;
  /** ms since epoch. */
  readonly lastMatchAt?: number;
}

/** One file or folder of a download folder. */
export interface FolderEntry {
  readonly name: string;
  /** 0 for folders. */
  readonly sizeBytes: number;
  /** ms since epoch. */
  readonly modifiedAt: number;
  readonly isFolder: boolean;
}

export interface FolderListing {
  /** Absolute. */
  readonly directory: string;
  /** By name; unfinished downloads are left out. */
  readonly entries: readonly FolderEntry[];
}
