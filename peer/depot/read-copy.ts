/** Reads a copy whole and tells what it is. What cannot be read is no damage: it is thrown as what it is, and nothing is concluded from it. */
import { lstat, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ContentError } from '../../common/content/content-error.js';
import type { WorkRow } from '../../common/protocol/depot-fields.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { syncDir } from '../../common/runtime/files.js';
import { PeerError } from '../api.js';
import { contentProblem } from '../library/content-problem.js';
import type { Folders, ScannedFolder } from '../library/folders/folders.js';
import { identityOf } from '../library/hashing/file-identity.js';
import { Gate } from '../library/hashing/gate.js';
import type { FileHasher } from '../library/hashing/hash-file.js';
import type { PutFile } from '../library/library.js';

/** `wrong`: it was read, and is something else. */
export type ReadCopy = 'missing' | 'wrong' | PutFile;

export interface CopyReaderOptions {
  readonly hasher: Pick<FileHasher, 'hash'>;
  /** Of the depot alone. */
  readonly folders: Folders;
}

export class CopyReader {
  readonly #options: CopyReaderOptions;
  /** Two folders of the same content have one draft of their listing. */
  readonly #folderTurn = new Gate(1);

  constructor(options: CopyReaderOptions) {
    this.#options = options;
  }

  /** @throws {PeerError} `unreadable`, `changed`. */
  async read(
    path: string,
    { fileId, kind }: Pick<WorkRow, 'fileId' | 'kind'>,
    options: AbortOptions,
  ): Promise<ReadCopy> {
    try {
      if (kind === 'folder') return await this.#readFolder(path, fileId, options);
      const file = await this.#options.hasher.hash(path, options);
      return file.fileId === fileId ? file : 'wrong';
    } catch (error) {
      if (!(error instanceof ContentError)) throw error;
      if (error.code === 'not-found') return 'missing';
      if (['is-directory', 'not-a-file', 'symlink'].includes(error.code)) return 'wrong';
      throw new PeerError(contentProblem(error), { cause: error });
    }
  }

  /** Every file is read, whatever is known of it: the listing of what is there has the folder's id, or not. */
  async #readFolder(root: string, folderId: string, { signal }: AbortOptions): Promise<ReadCopy> {
    const { folders } = this.#options;
    using _turn = await this.#folderTurn.enter({ signal });
    await folders.forget(root, { signal });
    const scanned = await this.#scan(root, { signal });
    const [first] = scanned.skipped;
    if (first !== undefined)
      throw unreadable(`${root}/${first.path} could not be read: ${first.reason}. Check the disk.`);
    if (scanned.folderId !== folderId) {
      await folders.removeListing(scanned.folderId);
      return 'wrong';
    }
    const { size, chunkSize, hashes, files, bytes } = scanned;
    const listing = listingOf(root);
    await rename(scanned.file, listing);
    await syncDir(dirname(listing));
    const identity = identityOf(await lstat(listing, { bigint: true }));
    return {
      fileId: scanned.folderId,
      size,
      chunkSize,
      hashes,
      identity,
      folder: { listing, files, bytes, isWatched: false },
    };
  }

  async #scan(root: string, { signal }: AbortOptions): Promise<ScannedFolder> {
    try {
      return await this.#options.folders.scan(root, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ContentError) throw error;
      throw unreadable(
        `${root} could not be read: ${error instanceof Error ? error.message : String(error)}. Check the disk.`,
      );
    }
  }
}

/** Where the listing of a stored folder lies. */
export function listingOf(root: string): string {
  return `${root}.list`;
}

function unreadable(message: string): PeerError {
  return new PeerError({ code: 'unreadable', message });
}
