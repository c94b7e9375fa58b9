/** What the tracker is told of folders: their size, and every path inside, so that it is found by search. See docs/protocol.md "paths". */
import { z } from 'zod';
import { MAX_BULK_ENTRIES, MAX_FOLDER_FILES, MAX_PATH_LENGTH } from './limits.js';

const safeInteger = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const fileId = z.string().regex(/^[0-9a-f]{64}$/);
/** The full rules are `checkRelativePath` in `common/content/file-name.ts`. */
const folderPath = z
  .string()
  .min(1)
  .max(MAX_PATH_LENGTH)
  .refine((value) => value.isWellFormed(), 'not well-formed');

export const publicationKind = z.enum(['file', 'folder']);
export type PublicationKind = z.output<typeof publicationKind>;

/** Of a folder, where `size` is that of its listing. */
export const folderTotals = {
  files: z.number().int().min(0).max(MAX_FOLDER_FILES).optional(),
  /** Of all its files together. */
  bytes: safeInteger.optional(),
};

const folderFile = z.object({ path: folderPath, size: safeInteger, fileId });
export type PathEntry = z.output<typeof folderFile>;

export const pathsFields = {
  publicationId: z.string().regex(/^[A-Za-z0-9_-]{21}$/),
  /** The content that is described. */
  fileId,
  /** Forget what was said before. */
  start: z.boolean().optional(),
  put: z.array(folderFile).max(MAX_BULK_ENTRIES).optional(),
  drop: z.array(folderPath).max(MAX_BULK_ENTRIES).optional(),
  /** All is said. */
  end: z.boolean().optional(),
};

/** A file inside a folder. */
export const foundPath = z.object({
  ...folderFile.shape,
  publicationId: z.string().regex(/^[A-Za-z0-9_-]{21}$/),
  /** Of the folder. */
  name: z.string().min(1).max(255),
  owner: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  sources: safeInteger,
  /** ms since epoch. */
  publishedAt: safeInteger,
  lastSeenAt: safeInteger.optional(),
});
export type FoundPath = z.output<typeof foundPath>;
