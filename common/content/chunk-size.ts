import { ContentError } from './content-error.js';

/** Smallest chunk, in bytes: below it the request costs more than the bytes. */
const MIN_CHUNK_BYTES = 256 * 1024;
/** Largest chunk, in bytes: more than this nobody wants to fetch again after a bad bit. */
const MAX_CHUNK_BYTES = 64 * 1024 * 1024;
/** Most chunks of one file: keeps a manifest at 2 MiB. */
const MAX_CHUNKS = 65_536;
/** Largest file, in bytes (4 TiB): the most that the two limits above allow. */
export const MAX_FILE_BYTES = MAX_CHUNK_BYTES * MAX_CHUNKS;

/**
 * Chunk size of a file of `fileSize` bytes: it follows from the size alone, so both ends always agree on it.
 * @throws {ContentError} `bad-size` when it is no whole number from 0 to 2^53 − 1; `too-large` beyond 4 TiB.
 */
export function chunkSizeFor(fileSize: number): number {
  if (!Number.isSafeInteger(fileSize) || fileSize < 0)
    throw new ContentError('bad-size', `${fileSize} is not the size of a file`);
  if (fileSize > MAX_FILE_BYTES) {
    throw new ContentError('too-large', `${fileSize} bytes are more than the 4 TiB one file may have: split it first`);
  }
  let chunkSize = MIN_CHUNK_BYTES;
  while (chunkSize * MAX_CHUNKS < fileSize) chunkSize *= 2;
  return chunkSize;
}
