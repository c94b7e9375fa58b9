/**
 * The ordered chunk hashes of one content, and the id that stands for them. What arrives is proved against an id before anything
 * is believed, the size included. Neighbours: `chunk-size.ts` (how content is cut), `chunk-range.ts` (where a chunk lies),
 * `blake3.ts`. It knows no files and no sockets.
 */
import { blake3, createBlake3, HASH_BYTES } from './blake3.js';
import { chunkCount, chunkRange } from './chunk-range.js';
import { chunkSizeFor } from './chunk-size.js';
import { ContentError } from './content-error.js';
import { type FileId, fileIdFromHash } from './file-id.js';

export interface Manifest {
  /** Bytes of the content. */
  readonly size: number;
  /** Bytes of every chunk but the last. */
  readonly chunkSize: number;
  /** The chunk hashes one after another, 32 bytes each. */
  readonly hashes: Uint8Array;
}

const FILE_PREFIX = Buffer.from('shoal-file-v1', 'ascii');
const FOLDER_PREFIX = Buffer.from('shoal-folder-v1', 'ascii');

/** Length of a manifest on the wire, in bytes, of content of `size` bytes. @throws {ContentError} `bad-size`, `too-large`. */
export function manifestBytesFor(size: number): number {
  return chunkCount(size, chunkSizeFor(size)) * HASH_BYTES;
}

/** BLAKE3("shoal-file-v1" ‖ size u64be ‖ chunkSize u32be ‖ chunk hashes). */
export function fileIdOf(manifest: Manifest): FileId {
  return rootOf(FILE_PREFIX, manifest);
}

/** The id of a folder's list of entries; its prefix differs, so that no file can pass for a folder. */
export function folderIdOf(manifest: Manifest): FileId {
  return rootOf(FOLDER_PREFIX, manifest);
}

/** The manifest of content that is in memory, as a folder's list is. @throws {ContentError} `too-large`. */
export function manifestOfBytes(content: Uint8Array): Manifest {
  const size = content.length;
  const chunkSize = chunkSizeFor(size);
  const count = chunkCount(size, chunkSize);
  const hashes = new Uint8Array(count * HASH_BYTES);
  const hasher = createBlake3();
  for (let index = 0; index < count; index += 1) {
    const { offset, length } = chunkRange(index, size, chunkSize);
    hashes.set(hasher.update(content.subarray(offset, offset + length)).digest(), index * HASH_BYTES);
  }
  return { size, chunkSize, hashes };
}

/**
 * Proves that `bytes` are the chunk hashes of the file `fileId` and that it really has `size` bytes. Keeps `bytes`, does not copy.
 * @throws {ContentError} `bad-manifest` when they are not; `bad-size` or `too-large` for a size that no file has.
 */
export function parseManifest(bytes: Uint8Array, fileId: FileId, size: number): Manifest {
  return proveManifest(FILE_PREFIX, bytes, { id: fileId, size });
}

/** As `parseManifest`, for the list of a folder. */
export function parseFolderManifest(bytes: Uint8Array, folderId: FileId, size: number): Manifest {
  return proveManifest(FOLDER_PREFIX, bytes, { id: folderId, size });
}

/** The hash chunk `index` must have, 32 bytes. @throws {RangeError} when there is no such chunk. */
export function chunkHash(manifest: Manifest, index: number): Uint8Array {
  chunkRange(index, manifest.size, manifest.chunkSize);
  return manifest.hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}

/** True when `hash` is the one of chunk `index`; for chunks that were hashed part by part. */
export function isChunkHash(hash: Uint8Array, index: number, manifest: Manifest): boolean {
  return Buffer.compare(hash, chunkHash(manifest, index)) === 0;
}

/** @throws {ContentError} `chunk-mismatch` when `bytes` are not chunk `index` of this manifest, in length or in content. */
export function verifyChunk(bytes: Uint8Array, index: number, manifest: Manifest): void {
  const { length } = chunkRange(index, manifest.size, manifest.chunkSize);
  if (bytes.length !== length) {
    throw new ContentError('chunk-mismatch', `chunk ${index} came with ${bytes.length} bytes instead of ${length}`);
  }
  if (!isChunkHash(blake3(bytes), index, manifest)) {
    throw new ContentError('chunk-mismatch', `chunk ${index} does not have the content that was published`);
  }
}

function rootOf(prefix: Uint8Array, { size, chunkSize, hashes }: Manifest): FileId {
  const head = Buffer.alloc(12);
  head.writeBigUInt64BE(BigInt(size), 0);
  head.writeUInt32BE(chunkSize, 8);
  return fileIdFromHash(blake3(prefix, head, hashes));
}

function proveManifest(prefix: Uint8Array, bytes: Uint8Array, claim: { id: FileId; size: number }): Manifest {
  const chunkSize = chunkSizeFor(claim.size);
  const expected = chunkCount(claim.size, chunkSize) * HASH_BYTES;
  if (bytes.length !== expected) {
    throw new ContentError(
      'bad-manifest',
      `the manifest has ${bytes.length} bytes; ${claim.size} bytes of content need ${expected}`,
    );
  }
  const manifest: Manifest = { size: claim.size, chunkSize, hashes: bytes };
  if (rootOf(prefix, manifest) !== claim.id) {
    throw new ContentError(
      'bad-manifest',
      'the manifest does not belong to this id and size: the source or the listing is wrong',
    );
  }
  return manifest;
}
