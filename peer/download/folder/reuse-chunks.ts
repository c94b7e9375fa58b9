import type { FileHandle } from 'node:fs/promises';

import { blake3, HASH_BYTES } from '../../../common/content/blake3.js';
import { chunkCount, chunkRange } from '../../../common/content/chunk-range.js';
import { chunkSizeFor } from '../../../common/content/chunk-size.js';
import { isChunkHash, type Manifest } from '../../../common/content/manifest.js';
import type { AbortOptions } from '../../../common/runtime/deadline.js';
import { openRegularFile } from '../../library/hashing/open-regular-file.js';
import { ChunkSet } from '../chunk-set.js';

/** Which chunks of the staged file an earlier run left; each is read and proven. */
export async function heldChunks(staged: FileHandle, manifest: Manifest, { signal }: AbortOptions): Promise<ChunkSet> {
  const { size, chunkSize } = manifest;
  const held = new ChunkSet(chunkCount(size, chunkSize));
  const there = (await staged.stat()).size;
  if (there > size) await staged.truncate(size);
  const scratch = Buffer.allocUnsafeSlow(chunkSize);
  for (let index = 0; index * chunkSize < Math.min(there, size); index += 1) {
    signal.throwIfAborted();
    const { offset, length } = chunkRange(index, size, chunkSize);
    const chunk = await readChunk(staged, scratch.subarray(0, length), offset);
    if (chunk !== undefined && isChunkHash(blake3(chunk), index, manifest)) held.add(index);
  }
  return held;
}

/** An older version of the file that is on this disk. */
export interface OldVersion {
  readonly path: string;
  readonly size: number;
  readonly hashes: Uint8Array;
}

/** Copies into `staged` every chunk that the old version has, wherever it stands there. Returns how many bytes; 0 when it cannot be read. */
export async function reuseChunks(
  staged: FileHandle,
  { manifest, held, old, signal }: { manifest: Manifest; held: ChunkSet; old: OldVersion } & AbortOptions,
): Promise<number> {
  const { size, chunkSize } = manifest;
  if (chunkSizeFor(old.size) !== chunkSize) return 0;
  const indexByHash = new Map<string, number>();
  for (let index = 0; index * HASH_BYTES < old.hashes.length; index += 1)
    indexByHash.set(hashAt(old.hashes, index), index);
  let reused = 0;
  const scratch = Buffer.allocUnsafeSlow(chunkSize);
  await using from = await openRegularFile(old.path).catch(() => undefined);
  if (from === undefined) return 0;
  for (let index = 0; index < held.total; index += 1) {
    signal.throwIfAborted();
    const place = held.has(index) ? undefined : indexByHash.get(hashAt(manifest.hashes, index));
    if (place === undefined) continue;
    const { offset, length } = chunkRange(index, size, chunkSize);
    // What has changed since it was hashed, or cannot be read any more, is fetched.
    const chunk = await readChunk(from.handle, scratch.subarray(0, length), place * chunkSize).catch(() => undefined);
    if (chunk === undefined || !isChunkHash(blake3(chunk), index, manifest)) continue;
    for (let done = 0; done < length; )
      done += (await staged.write(chunk, done, length - done, offset + done)).bytesWritten;
    held.add(index);
    reused += length;
  }
  return reused;
}

function hashAt(hashes: Uint8Array, index: number): string {
  const { buffer, byteOffset } = hashes;
  return Buffer.from(buffer, byteOffset + index * HASH_BYTES, HASH_BYTES).toString('latin1');
}

async function readChunk(file: FileHandle, into: Buffer, offset: number): Promise<Buffer | undefined> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, offset + done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return into;
}
