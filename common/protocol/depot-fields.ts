/** What owners, depots and the tracker say of stored copies: the fields of their requests and replies. See docs/protocol.md "put". */
import { z } from 'zod';
import { errorBody } from './error-body.js';
import { fileId, publicationId, safeInteger, text, userName } from './fields.js';
import { MAX_BULK_ENTRIES, MAX_COPIES, MAX_COPIES_ASKED } from './limits.js';

const publicationName = text(255).min(1);

/** Who may remove what is stored, its owner and admins aside: nobody, anybody, or who knows its passcode. */
export const REMOVALS = ['owner', 'open', 'passcode'] as const;
export type Removal = (typeof REMOVALS)[number];

/** A copy that one depot has or is to have. `full`: it had no room when it was asked to fetch it. */
export const copyRow = z.object({ depot: userName, state: z.enum(['wanted', 'stored', 'full']) });
export type CopyRow = z.output<typeof copyRow>;

export const putFields = {
  /** Of one's own publications. */
  names: z.array(publicationName).min(1).max(MAX_BULK_ENTRIES),
  /** Only these depots; each gets a copy. */
  depots: z.array(userName).min(1).max(MAX_COPIES).optional(),
  /** How many depots shall have it; default 1. */
  copies: z.number().int().min(1).max(MAX_COPIES).optional(),
  /** Absent: as it is, at first `owner`. */
  removal: z.enum(REMOVALS).optional(),
};

export const putResult = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), publicationId, copies: z.array(copyRow) }),
  z.object({ ok: z.literal(false), error: errorBody }),
]);

/** Bytes that this depot offers in all. */
export const depotFields = { capacity: safeInteger };

/** Also what needs no work. */
export const workFields = { all: z.boolean().optional() };

/** What a depot shall do: have this content, or have nothing of the publication any more. */
export const workRow = z.object({
  publicationId,
  do: z.enum(['fetch', 'keep', 'drop']),
  name: publicationName,
  owner: userName,
  fileId,
  /** Bytes of what `fileId` stands for: of a folder, its listing. */
  size: safeInteger,
  /** Absent: a file. */
  kind: z.literal('folder').optional(),
  /** Of a folder: all its files together, as its owner says. */
  bytes: safeInteger.optional(),
});
export type WorkRow = z.output<typeof workRow>;

export const storedFields = {
  publicationId,
  fileId,
  /** `full`: there is no room for it. */
  has: z.enum(['all', 'none', 'full']),
};

export const copiesFields = { publicationIds: z.array(publicationId).min(1).max(MAX_COPIES_ASKED) };

/** In the order they were asked for; one that is not there, or not one's own, has none. */
export const copiesOfPublication = z.object({ publicationId, copies: z.array(copyRow) });

/** Without `all` one's own alone. */
export const atRiskFields = { all: z.boolean().optional() };
