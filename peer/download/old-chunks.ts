import type { FileHandle } from 'node:fs/promises';

import { blake3 } from '../../common/content/blake3.js';
import { chunkRange } from '../../common/content/chunk-range.js';
import { chunkHash, type Manifest } from '../../common/content/manifest.js';
import { openRegularFile } from '../library/hashing/open-regular-file.js';
import type { ChunkSet } from './chunk-set.js';
import type { CheckOptions, PartFile } from './part-file.js';

/**
 * Takes into the `.part` every missing chunk that the file at `path`, which will be replaced, has at any of its chunk borders, as far as the
 * new file is long. A file that is not there or cannot be read has none.
 * @throws {PeerError} as `PartFile.write`.
 */
export async function takeOldChunks(
  path: string,
  { part, manifest, held, signal, onProgress }: { part: PartFile; manifest: Manifest; held: ChunkSet } & CheckOptions,
): Promise<void> {
  const wanted = missingByHash(manifest, held);
  for await (const { bytes, end } of chunksOf(path, manifest)) {
    signal.throwIfAborted();
    const hash = blake3(bytes);
    const key = keyOf(hash);
    for (const index of wanted.get(key) ?? []) {
      const { offset } = chunkRange(index, manifest.size, manifest.chunkSize);
      if (await part.write({ bytes, offset, hash })) held.add(index);
    }
    wanted.delete(key);
    if (wanted.size === 0) break;
    onProgress(end);
  }
}

function missingByHash(manifest: Manifest, held: ChunkSet): Map<string, number[]> {
  const missing = new Map<string, number[]>();
  for (let index = 0; index < held.total; index += 1) {
    if (held.has(index)) continue;
    const key = keyOf(chunkHash(manifest, index));
    const places = missing.get(key);
    if (places === undefined) missing.set(key, [index]);
    else places.push(index);
  }
  return missing;
}

/**
 * In the same memory each time. Ends where the file cannot be read: what it would have had is fetched. Attacker: who may write to the folder
 * and puts a file of exabytes there, or one that always grows.
 */
async function* chunksOf(
  path: string,
  { size, chunkSize }: Manifest,
): AsyncGenerator<{ bytes: Buffer; end: number }, void, undefined> {
  const scratch = Buffer.allocUnsafeSlow(Math.min(size, chunkSize));
  await using file = await openRegularFile(path).catch(() => undefined);
  for (let end = 0; file !== undefined && end < size; ) {
    const length = await readInto(file.handle, scratch.subarray(0, size - end), end).catch(() => 0);
    if (length === 0) return;
    end += length;
    yield { bytes: scratch.subarray(0, length), end };
  }
}

/** Less than `into` holds only at the end of the file. */
async function readInto(file: FileHandle, into: Buffer, offset: number): Promise<number> {
  let done = 0;
  for (let more = -1; more !== 0 && done < into.length; done += more)
    more = (await file.read(into, done, into.length - done, offset + done)).bytesRead;
  return done;
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('latin1');
}
