/** What a search asks for: once in `search`, and for as long as a session lasts in `searches`. See docs/protocol.md "search". */
import { z } from 'zod';
import { publicationId, safeInteger, text, userName } from './fields.js';
import { MAX_ENDING_LENGTH, MAX_ENDINGS, MAX_SAVED_SEARCH_ID, MAX_SEARCH_IDS, MAX_SEARCH_TEXT } from './limits.js';

/** The order of a list of publications. `newest` is the default everywhere. */
export const SEARCH_ORDERS = ['newest', 'oldest', 'name', 'largest', 'smallest'] as const;
export type SearchOrder = (typeof SEARCH_ORDERS)[number];

/** All must hold. */
export const searchFilters = {
  owner: userName.optional(),
  /** 16 to 64 leading digits of a fileId. */
  idPrefix: z
    .string()
    .regex(/^[0-9a-f]{16,64}$/)
    .optional(),
  /** Bytes, both included. */
  minSize: safeInteger.optional(),
  maxSize: safeInteger.optional(),
  /** ms since epoch; the first is included, the second is not. */
  publishedAfter: safeInteger.optional(),
  publishedBefore: safeInteger.optional(),
  /** One of them follows the last dots of the name, such as `pdf` or `tar.gz`; case does not count. */
  endings: z.array(text(MAX_ENDING_LENGTH).min(1)).min(1).max(MAX_ENDINGS).optional(),
  kind: z.enum(['file', 'folder']).optional(),
};

/** Substring of the name; empty matches all. */
export const searchText = text(MAX_SEARCH_TEXT);

/** Only these publications. */
export const searchIds = z.array(publicationId).min(1).max(MAX_SEARCH_IDS);

const savedSearchId = z.string().regex(new RegExp(`^[A-Za-z0-9_-]{1,${MAX_SAVED_SEARCH_ID}}$`));

/** A search that the tracker holds against every new publication. */
export const savedSearch = z.object({
  /** Chosen by the peer; unique in its list. */
  search: savedSearchId,
  text: searchText,
  ignoreCase: z.boolean().optional(),
  ...searchFilters,
  /** Also what was there before and gets a live source now. */
  sources: z.boolean().optional(),
});
export type SavedSearch = z.output<typeof savedSearch>;

/** The fields of a `match` event besides those of every event. */
export const matchFields = {
  search: savedSearchId,
  publicationIds: z.array(publicationId).max(MAX_SEARCH_IDS),
  /** More matched than are told: search for what is new. */
  more: z.boolean().optional(),
};
