/**
 * An open file that is being served, and the promise that only what was hashed leaves it: the file is opened once, without following
 * links, and looked at again after every read. Neighbours: `served-files.ts` keeps one of these a file, however many fetch it.
 */
import { createBlake3 } from '../../common/content/blake3.js';
import { chunkRange } from '../../common/content/chunk-range.js';
import { ContentError } from '../../common/content/content-error.js';
import { isChunkHash, type Manifest } from '../../common/content/manifest.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import { compareIdentity, type FileIdentity, identityOf } from '../library/hashing/file-identity.js';
import { type OpenFile, openRegularFile } from '../library/hashing/open-regular-file.js';
import type { SharedFile } from './shared-file.js';

const SCRATCH_BYTES = 1024 * 1024;
/** While a file is read again, who waits for it comes back after this, ms; later each time. */
const CHECKING_RETRY_MS = 1_000;
/** Up to this size of a chunk all that leaves a file which is still written is proven each time. */
export const MOST_PROVEN_EACH_TIME = 1024 * 1024;
/** Somebody who touches the file at every read makes us try so often, then it counts as changed. */
const MAX_TRIES = 3;

export interface ReadRange {
  readonly offset: number;
  readonly length: number;
}

export class ServedFile {
  #isChanged = false;
  #manifest: Manifest | undefined;
  /** The last state of the file that was looked at, and the chunks whose bytes were proven in that state. */
  #provenIn: FileIdentity | undefined;
  readonly #proven = new Set<number>();

  private constructor(
    readonly shared: SharedFile,
    private readonly file: OpenFile,
  ) {}

  /**
   * @throws {ProtocolError} `gone` when there is no such file any more (`not-found`: of a download), `changed` when another one is there,
   * `checking` when only its content would tell.
   */
  static async open(shared: SharedFile): Promise<ServedFile> {
    let file: OpenFile;
    try {
      file = await openRegularFile(shared.path);
    } catch (error) {
      throw openError(shared, error);
    }
    if (shared.identity !== undefined && compareIdentity(shared.identity, file.identity) === 'changed') {
      await file.handle.close();
      const isSameSize = shared.identity.size === file.identity.size && shared.isFormer !== true;
      throw new ProtocolError(isSameSize ? 'checking' : 'changed', undefined, { retryAfterMs: CHECKING_RETRY_MS });
    }
    return new ServedFile(shared, file);
  }

  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Nothing is served from it any more. */
  setChanged(): void {
    this.#isChanged = true;
  }

  async manifest(): Promise<Manifest> {
    this.#manifest ??= await this.shared.manifest();
    return this.#manifest;
  }

  /**
   * Fills `into` from `offset` with bytes that are those of the manifest, as far as the system can tell.
   * @throws {ProtocolError} `changed`; from then on always.
   */
  async read(into: Buffer, offset: number): Promise<void> {
    try {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        if (this.#isChanged) break;
        if (await this.#readOnce(into, offset)) return;
      }
    } catch (error) {
      this.#isChanged = true;
      throw error instanceof ProtocolError ? error : new ProtocolError('changed', undefined, { cause: error });
    }
    this.#isChanged = true;
    throw new ProtocolError('changed');
  }

  /** Whether it was not even touched since it was hashed; told without reading it. @throws {ProtocolError} `changed`. */
  async isUntouched(): Promise<boolean> {
    const { identity } = this.shared;
    return identity === undefined || compareIdentity(identity, await this.#look()) === 'same';
  }

  /** Whether chunk `index` still has its hash; a wrong one makes the file count as changed. @throws {ProtocolError} `changed`. */
  async checkChunk(index: number): Promise<boolean> {
    const isRight = await this.#hasItsHash(index);
    if (!isRight) this.#isChanged = true;
    return isRight;
  }

  close(): Promise<void> {
    return this.file.handle.close();
  }

  /** False when the file was touched meanwhile: then what was read proves nothing. */
  async #readOnce(into: Buffer, offset: number): Promise<boolean> {
    const { identity } = this.shared;
    if (identity === undefined) {
      const { chunkSize } = await this.manifest();
      const isEachTime = chunkSize <= MOST_PROVEN_EACH_TIME;
      await this.#readFully(into, offset);
      // After it was read: the file may have become another one by then, with the same name.
      if (isEachTime) this.#proven.clear();
      await this.#proveChunks({ offset, length: into.length });
      return true;
    }
    if (this.#provenIn === undefined) {
      await this.#readFully(into, offset);
      const now = await this.#look();
      if (compareIdentity(identity, now) === 'same') return true;
      this.#startProving(now);
      return false;
    }
    // Only ctime differs: rights or links may have changed, or the content with its old mtime set again. Reading it tells.
    const before = await this.#look();
    if (compareIdentity(this.#provenIn, before) !== 'same') this.#startProving(before);
    await this.#proveChunks({ offset, length: into.length });
    await this.#readFully(into, offset);
    return compareIdentity(before, await this.#look()) === 'same';
  }

  #startProving(now: FileIdentity): void {
    this.#provenIn = now;
    this.#proven.clear();
  }

  /** @throws {ProtocolError} `changed` when it is another file by everything but ctime. */
  async #look(): Promise<FileIdentity> {
    const now = identityOf(await this.file.handle.stat({ bigint: true }));
    if (this.shared.identity !== undefined && compareIdentity(this.shared.identity, now) === 'changed')
      throw new ProtocolError('changed');
    return now;
  }

  async #proveChunks({ offset, length }: ReadRange): Promise<void> {
    const { chunkSize } = await this.manifest();
    for (let index = Math.floor(offset / chunkSize); index * chunkSize < offset + length; index += 1) {
      if (this.#proven.has(index)) continue;
      if (!(await this.#hasItsHash(index)))
        throw new ProtocolError(this.shared.identity === undefined ? 'not-found' : 'changed');
      this.#proven.add(index);
    }
  }

  async #hasItsHash(index: number): Promise<boolean> {
    const manifest = await this.manifest();
    const { offset, length } = chunkRange(index, manifest.size, manifest.chunkSize);
    const scratch = Buffer.allocUnsafeSlow(Math.min(length, SCRATCH_BYTES));
    const hasher = createBlake3();
    for (let done = 0; done < length; ) {
      const part = scratch.subarray(0, Math.min(scratch.length, length - done));
      await this.#readFully(part, offset + done);
      hasher.update(part);
      done += part.length;
    }
    return isChunkHash(hasher.digest(), index, manifest);
  }

  async #readFully(into: Buffer, offset: number): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await this.file.handle.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0) throw new ProtocolError('changed'); // It became shorter.
      done += bytesRead;
    }
  }
}

function openError({ identity }: SharedFile, cause: unknown): ProtocolError {
  // Of a download: it has ended meanwhile, which says nothing about the content.
  if (identity === undefined) return new ProtocolError('not-found', undefined, { cause });
  const isGone = cause instanceof ContentError && (cause.code === 'not-found' || cause.code === 'unreadable');
  return new ProtocolError(isGone ? 'gone' : 'changed', undefined, { cause });
}
