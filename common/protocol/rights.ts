/** Who may fetch a publication, and on which terms: schemas and types. See docs/protocol.md "rights". */
import { z } from 'zod';
import { userName } from './fields.js';
import { MAX_COUNTED_DOWNLOADS, MAX_PASSWORD_BYTES, MAX_RIGHTS_NAMES } from './limits.js';

/** Of an account or a publication. Visible at both ends: JSON writes a control character as six bytes, and a login must fit one datagram. */
export const password = z
  .string()
  .min(1)
  .refine(
    (value) => value.isWellFormed() && Buffer.byteLength(value) <= MAX_PASSWORD_BYTES && !/\p{Cc}/u.test(value),
    'not a password',
  );

/** Who may fetch a publication, its owner aside. */
export const rights = z.union([
  z.literal('public'),
  z.object({
    users: z.array(userName).max(MAX_RIGHTS_NAMES),
    /** Names of groups have the form of user names. */
    groups: z.array(userName).max(MAX_RIGHTS_NAMES),
  }),
]);
export type Rights = z.output<typeof rights>;

/** Exactly these parameters: the tracker pays for every guess. */
export const passwordHash = z
  .string()
  .regex(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
const expiresAt = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const downloadCount = z.number().int().min(1).max(MAX_COUNTED_DOWNLOADS);

/** Conditions beside the rights. An absent field keeps what there is, null takes the condition away. */
export const terms = z.object({
  /** The owner makes the hash, so that the passcode itself leaves nobody's program but that of who types it in to fetch. */
  passcodeHash: passwordHash.nullable().optional(),
  /** ms since epoch: from then on nobody but the owner sees the publication. */
  expiresAt: expiresAt.nullable().optional(),
  /** How many users may fetch it, counted from now; `burn`: after the last of them it is gone for all others. */
  downloads: z.object({ most: downloadCount, burn: z.boolean() }).nullable().optional(),
});
export type Terms = z.output<typeof terms>;

/** What a list tells of the terms, to everybody who may see the publication. */
export const shownTerms = {
  /** It has a passcode. */
  locked: z.literal(true).optional(),
  expiresAt: expiresAt.optional(),
  downloads: z
    .object({ most: downloadCount, burn: z.boolean(), left: z.number().int().min(0).max(MAX_COUNTED_DOWNLOADS) })
    .optional(),
};
