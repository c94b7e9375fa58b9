/** Folders of this device as the publisher sees them: reads one, and keeps what the tracker was told of it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Clock } from '../../../common/runtime/clock.js';
import type { AbortOptions } from '../../../common/runtime/deadline.js';
import type { FileHasher } from '../hashing/hash-file.js';
import { FolderThread } from './folder-thread.js';
import type { ScanOutcome } from './scan-folder.js';
import type { UntoldPaths } from './told-paths.js';
import type { Listing } from './write-listing.js';

export interface ScannedFolder extends Listing, Omit<ScanOutcome, 'large'> {}

export interface ScanOptions extends AbortOptions {
  /** Also read what was only touched: somebody says that it is not what it was. */
  readonly isStrict?: boolean;
  /** So many files were looked at. */
  readonly onFiles?: (files: number) => void;
  /** A large file is being read. */
  readonly onBytes?: (path: string, doneBytes: number, sizeBytes: number) => void;
}

export class Folders {
  readonly #scanner: FolderThread;
  /** The books are kept beside a scan that takes long. */
  readonly #keeper: FolderThread;
  readonly #stateDir: string;
  readonly #hasher: FileHasher;

  constructor({ stateDir, hasher, clock }: { stateDir: string; hasher: FileHasher; clock: Clock }) {
    this.#stateDir = stateDir;
    this.#hasher = hasher;
    this.#scanner = new FolderThread(stateDir, { clock, isDurable: true });
    this.#keeper = new FolderThread(stateDir, { clock, isDurable: false });
  }

  /** Reads what is not known yet and makes the listing. @throws {ContentError} */
  async scan(root: string, options: ScanOptions): Promise<ScannedFolder> {
    const outcome = await this.learn(root, options);
    const listing = await this.#scanner.call('list', [root], { signal: options.signal });
    return { ...listing, ...outcome };
  }

  /** Reads what is not known yet. @throws {ContentError} */
  async learn(root: string, options: ScanOptions): Promise<Omit<ScanOutcome, 'large'>> {
    const { signal, onFiles, onBytes, isStrict = false } = options;
    const { large, ...outcome } = await this.#scanner.call('scan', [root, isStrict], {
      signal,
      ...(onFiles ? { onProgress: onFiles } : {}),
    });
    const skipped = [...outcome.skipped];
    let { skippedCount, hashedFiles } = outcome;
    for (const { path, size } of large) {
      try {
        const file = join(root, path);
        const onProgress = (bytes: number): void => onBytes?.(file, bytes, size);
        const { fileId, hashes, identity } = await this.#hasher.hash(file, { signal, onProgress });
        await this.#scanner.call('record', [root, { path, fileId, hashes, identity }], { signal });
        hashedFiles += 1;
      } catch (error) {
        signal.throwIfAborted();
        skippedCount += 1;
        skipped.push({ path, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    return { ...outcome, skipped, skippedCount, hashedFiles };
  }

  /** The content of which the tracker has all paths; empty when there is none. */
  described(root: string, { signal }: AbortOptions): Promise<string> {
    return this.#keeper.call('described', [root], { signal });
  }

  setDescribed(root: string, folderId: string, { signal }: AbortOptions): Promise<void> {
    return this.#keeper.call('setDescribed', [root, folderId], { signal });
  }

  forgetTold(root: string, { signal }: AbortOptions): Promise<void> {
    return this.#keeper.call('forgetTold', [root], { signal });
  }

  untold(root: string, { signal }: AbortOptions): Promise<UntoldPaths> {
    return this.#keeper.call('untold', [root], { signal });
  }

  setTold(root: string, told: UntoldPaths, { signal }: AbortOptions): Promise<void> {
    return this.#keeper.call('setTold', [root, told], { signal });
  }

  /** The folder is not here any more, or is to be read anew from the first to the last byte. */
  async forget(root: string, { signal }: AbortOptions): Promise<void> {
    await this.#scanner.call('forget', [root], { signal });
  }

  /** The listing of a content that is published no longer. */
  async removeListing(folderId: string): Promise<void> {
    await rm(join(this.#stateDir, 'folders', `${folderId}.list`), { force: true });
  }

  async close(): Promise<void> {
    await Promise.all([this.#scanner.close(), this.#keeper.close()]);
  }
}
