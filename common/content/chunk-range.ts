/** Where one chunk lies in its file, in bytes. */
export interface ChunkRange {
  readonly offset: number;
  readonly length: number;
}

/** Number of chunks in a file of `fileSize` bytes cut every `chunkSize` bytes; an empty file has none. */
export function chunkCount(fileSize: number, chunkSize: number): number {
  return Math.ceil(fileSize / chunkSize);
}

/**
 * Range of chunk `index` in a file of `fileSize` bytes cut every `chunkSize` bytes. Only the last chunk may be short; an empty file has none.
 * @throws {RangeError} when the file has no such chunk.
 */
export function chunkRange(index: number, fileSize: number, chunkSize: number): ChunkRange {
  const offset = index * chunkSize;
  if (!Number.isInteger(index) || index < 0 || offset >= fileSize) {
    throw new RangeError(`no chunk ${index} in a file of ${fileSize} bytes`);
  }
  return { offset, length: Math.min(chunkSize, fileSize - offset) };
}
