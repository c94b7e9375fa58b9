/**
 * The unfinished file beside its target, and the steps by which it becomes the finished one. Data first, record second: what is in it
 * is found out by hashing it, so nothing depends on the order of writes. Neighbours: `part-lock.ts` (one writer), `publish-part.ts`.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';

import { createBlake3 } from '../../common/content/blake3.js';
import { chunkCount, chunkRange } from '../../common/content/chunk-range.js';
import { isChunkHash, type Manifest } from '../../common/content/manifest.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { ChunkSet } from './chunk-set.js';
import { ChunkWriter } from './chunk-writer.js';
import { faultPoint } from './fault-point.js';
import { errnoOf, fileProblem } from './file-problem.js';
import { lockPart, type PartLock } from './part-lock.js';
import { publishPart } from './publish-part.js';
import { lookAt, type Target } from './target.js';
import type { ArrivedChunk } from './write-chunk.js';

const READ_BYTES = 1024 * 1024;
const OPEN_FLAGS = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const CREATE_FLAGS = OPEN_FLAGS | constants.O_CREAT | constants.O_EXCL;
/** `st_blocks` counts these, whatever the file system's own block is. */
export const STAT_BLOCK_BYTES = 512;

export interface CheckOptions extends AbortOptions {
  readonly onProgress: (checkedBytes: number) => void;
}

export class PartFile implements AsyncDisposable {
  #isFinished = false;

  /** Bytes that the disk holds for it already. */
  readonly allocatedBytes: number;
  readonly #lock: PartLock;
  readonly #writer: ChunkWriter;

  private constructor(
    private readonly target: Target,
    private readonly handle: FileHandle,
    { lock, writer, allocatedBytes }: { lock: PartLock; writer: ChunkWriter; allocatedBytes: number },
  ) {
    this.#lock = lock;
    this.#writer = writer;
    this.allocatedBytes = allocatedBytes;
  }

  /**
   * Opens the `.part` of an earlier run or makes a new one, for this process alone. Something else at its name is removed, never followed;
   * with `force` also the finished file's second name: it is to stay as it is until it is replaced.
   * @throws {PeerError} `in-use`, `disk-full`, `unwritable`.
   */
  static async open(target: Target, { writer = new ChunkWriter(), force = false } = {}): Promise<PartFile> {
    const lock = lockPart(target.partPath, target.path);
    try {
      await removeForeign(target, { mayBeTwin: !force });
      const handle = await openOrCreate(target.partPath);
      const { blocks } = await handle.stat();
      faultPoint('part-opened');
      return new PartFile(target, handle, { lock, writer, allocatedBytes: blocks * STAT_BLOCK_BYTES });
    } catch (error) {
      lock[Symbol.dispose]();
      throw fileProblem(target.path, error);
    }
  }

  get path(): string {
    return this.target.partPath;
  }

  /** Hashes what is there and tells which chunks are right. */
  async check(manifest: Manifest, { signal, onProgress }: CheckOptions): Promise<ChunkSet> {
    const { size, chunkSize } = manifest;
    const found = new ChunkSet(chunkCount(size, chunkSize));
    const onDisk = (await this.handle.stat()).size;
    if (onDisk > size) await this.handle.truncate(size);
    const scratch = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, chunkSize));
    for (let index = 0; index * chunkSize < Math.min(onDisk, size); index += 1) {
      signal.throwIfAborted();
      const { offset, length } = chunkRange(index, size, chunkSize);
      if (offset + length <= onDisk && (await this.#hasHash(index, manifest, scratch))) found.add(index);
      onProgress(Math.min(onDisk, offset + length));
    }
    return found;
  }

  /**
   * Writes a chunk to its place if it has its hash. False when it has not.
   * @throws {PeerError} `disk-full` and others; the file is kept and can be gone on with.
   */
  async write(chunk: ArrivedChunk): Promise<boolean> {
    try {
      return await this.#writer.write(this.handle, chunk);
    } catch (error) {
      // After EIO nobody knows what the disk holds: hashing it again could read our own memory instead.
      if (errnoOf(error) === 'EIO') await rm(this.path, { force: true });
      throw fileProblem(this.target.path, error);
    }
  }

  /**
   * Makes the finished file appear under its name, durable. Never in the place of something else, unless `force` and no folder.
   * @throws {PeerError} `exists`, `is-directory`, `disk-full`, `unwritable`: then there is no file, or it is not known to be safe.
   */
  async publish(options: { readonly force: boolean; readonly size: number }): Promise<void> {
    await publishPart(this.target, this.handle, { ...options, mode: this.#lock.newFileMode });
    this.#isFinished = true;
  }

  /** Whether the finished file is this very file: a crash came between its two names. */
  async isTwin(): Promise<boolean> {
    const [here, there] = [await this.handle.stat({ bigint: true }), await lookAt(this.target.path)];
    return there !== undefined && there.ino === here.ino && there.dev === here.dev;
  }

  /** Removes the file: it is of no use any more. */
  async discard(): Promise<void> {
    await rm(this.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // An empty one would only be in the way.
      if (!this.#isFinished && (await this.handle.stat()).size === 0) await this.discard();
      await this.handle.close();
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }

  async #hasHash(index: number, manifest: Manifest, scratch: Buffer): Promise<boolean> {
    const { offset, length } = chunkRange(index, manifest.size, manifest.chunkSize);
    const hasher = createBlake3();
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.handle.read(scratch, 0, Math.min(scratch.length, length - done), offset + done);
      if (bytesRead === 0) return false;
      hasher.update(scratch.subarray(0, bytesRead));
      done += bytesRead;
    }
    return isChunkHash(hasher.digest(), index, manifest);
  }
}

async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, OPEN_FLAGS);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return open(path, CREATE_FLAGS, 0o600);
  }
}

/**
 * The attacker is whoever may write to the folder: a link or a second name at the `.part` would make us write into another file, a pipe
 * would make us wait for ever. Only a plain file of ours is gone on with; anything else but a folder is removed, which harms nobody.
 */
async function removeForeign({ partPath, path }: Target, { mayBeTwin }: { mayBeTwin: boolean }): Promise<void> {
  const there = await lookAt(partPath);
  if (there === undefined) return;
  const isOurs = userInfo().uid < 0 || there.uid === BigInt(userInfo().uid);
  const isTwin = mayBeTwin && there.ino === (await lookAt(path))?.ino;
  if (there.isFile() && isOurs && (there.nlink === 1n || isTwin)) return;
  await rm(partPath);
}
