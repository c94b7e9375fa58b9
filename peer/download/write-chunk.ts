import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

import { blake3 } from '../../common/content/blake3.js';
import { faultPoint } from './fault-point.js';

export interface ArrivedChunk {
  /** Unproven. */
  readonly bytes: Uint8Array;
  /** Where it belongs in its file. */
  readonly offset: number;
  /** What it must have. */
  readonly hash: Uint8Array;
}

/** Writes a chunk to its place if it has its hash. False when it has not. Rejects with the system's error. */
export async function writeChunk(file: FileHandle, { bytes, offset, hash }: ArrivedChunk): Promise<boolean> {
  if (!hasHash(bytes, hash)) return false;
  // The system may take less than it is given, most likely because the disk is nearly full: then the next write says so.
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  faultPoint('chunk-written');
  return true;
}

/** As `writeChunk`, for a thread that has nothing else to do. */
export function writeChunkSync(fd: number, { bytes, offset, hash }: ArrivedChunk): boolean {
  if (!hasHash(bytes, hash)) return false;
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  faultPoint('chunk-written');
  return true;
}

function hasHash(bytes: Uint8Array, hash: Uint8Array): boolean {
  if (Buffer.compare(blake3(bytes), hash) !== 0) return false;
  faultPoint('chunk-verified');
  return true;
}
