/** Chunk hashes of an open file, synchronously: for threads that read many small files. */
import { readSync } from 'node:fs';

import { createBlake3, HASH_BYTES } from '../../../common/content/blake3.js';
import { chunkCount } from '../../../common/content/chunk-range.js';
import { chunkSizeFor } from '../../../common/content/chunk-size.js';
import type { FileId } from '../../../common/content/file-id.js';
import { fileIdOf } from '../../../common/content/manifest.js';

const BLOCK_BYTES = 1024 * 1024;

const hasher = createBlake3();
const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);

/** Undefined when the file ends before `size` or goes on behind it. @throws the system's error. */
export function hashOpenFile(fd: number, size: number): { fileId: FileId; hashes: Uint8Array } | undefined {
  const chunkSize = chunkSizeFor(size);
  const hashes = new Uint8Array(chunkCount(size, chunkSize) * HASH_BYTES);
  for (let index = 0; index * chunkSize < size; index += 1) {
    const end = Math.min(size, (index + 1) * chunkSize);
    for (let at = index * chunkSize; at < end; ) {
      const bytesRead = readSync(fd, block, 0, Math.min(BLOCK_BYTES, end - at), at);
      if (bytesRead === 0) {
        hasher.digest();
        return undefined;
      }
      hasher.update(block.subarray(0, bytesRead));
      at += bytesRead;
    }
    hashes.set(hasher.digest(), index * HASH_BYTES);
  }
  if (readSync(fd, block, 0, 1, size) > 0) return undefined;
  return { fileId: fileIdOf({ size, chunkSize, hashes }), hashes };
}
