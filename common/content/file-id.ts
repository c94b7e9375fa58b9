import { ContentError } from './content-error.js';

/** BLAKE3 root of a manifest: 64 lower-case hex digits. Same bytes, same id, whoever publishes them. */
export type FileId = string & { readonly __brand: 'FileId' };

/** Digits of an id that screens show. */
const SHORT_ID_DIGITS = 16;

const FILE_ID = /^[0-9a-f]{64}$/;

export function isFileId(text: string): text is FileId {
  return FILE_ID.test(text);
}

/** @throws {ContentError} `bad-id` for anything but 64 lower-case hex digits. */
export function parseFileId(text: string): FileId {
  // The text itself stays out of the message: it came from elsewhere and may be a megabyte of escapes.
  if (!isFileId(text))
    throw new ContentError('bad-id', 'this is not a file id: it has 64 lower-case hexadecimal digits');
  return text;
}

/** The id of a 32-byte hash. @throws {ContentError} `bad-id` for another length. */
export function fileIdFromHash(hash: Uint8Array): FileId {
  return parseFileId(Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('hex'));
}

/** The first 16 digits, for screens. */
export function shortFileId(id: FileId): string {
  return id.slice(0, SHORT_ID_DIGITS);
}
