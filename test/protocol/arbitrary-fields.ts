/** Fields of messages, made at random; `arbitrary-messages.ts` puts them together. */
import fc, { type Arbitrary } from 'fast-check';
import { ERROR_CODES } from '../../common/protocol/errors.js';

export const digits = (unit: string, minLength: number, maxLength = minLength): Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...unit), minLength, maxLength });
export const base64url = (bytes: number): Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => Buffer.from(value).toString('base64url'));
/** Well-formed Unicode of at most `most` UTF-16 units. */
export const text = (most: number, least = 0): Arbitrary<string> =>
  fc.string({ unit: 'grapheme', minLength: least, maxLength: 60 }).filter((value) => value.length <= most);

export const WORD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';
export const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
export const count = fc.oneof(fc.nat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER));
export const positive = fc.integer({ min: 1, max: 2 ** 31 });
export const port = fc.integer({ min: 1, max: 65_535 });
export const id = digits(WORD, 1, 32);
export const user = fc.tuple(digits('aZ9', 1), digits('aZ9._-', 0, 63)).map((parts) => parts.join(''));
export const hex64 = digits('0123456789abcdef', 64);
export const publicationId = digits(WORD, 21);
export const cursor = text(128);

/** Of a search. */
export const filters = {
  owner: user,
  idPrefix: digits('0123456789abcdef', 16, 64),
  minSize: count,
  maxSize: count,
  publishedAfter: count,
  publishedBefore: count,
  endings: fc.array(text(16, 1), { minLength: 1, maxLength: 4 }),
  kind: fc.constantFrom('file' as const, 'folder' as const),
};

/** Optional there; elsewhere fields of these names are not. */
export const SEARCH_OPTIONAL = [...Object.keys(filters), 'publicationIds', 'sort'];

export const error = fc.record(
  { code: fc.constantFrom(...ERROR_CODES), message: text(500), retryAfterMs: count },
  { requiredKeys: ['code', 'message'] },
);

/** Files of a folder. */
export const folderPath = text(8_192, 1);
export const folderFile = fc.record({ path: folderPath, size: count, fileId: hex64 });
export const foundPath = fc.record(
  {
    ...{ publicationId, name: text(255, 1), owner: user, path: folderPath, size: count, fileId: hex64 },
    ...{ sources: count, publishedAt: count, lastSeenAt: count },
  },
  { requiredKeys: ['publicationId', 'name', 'owner', 'path', 'size', 'fileId', 'sources', 'publishedAt'] },
);
