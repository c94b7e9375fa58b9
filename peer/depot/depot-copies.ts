/**
 * The copies on this depot's disk: which file stands for each publication, with its proven hashes, durable in `<dir>/depot.sqlite`, the
 * files beside it in `files/`. Data first, record second: a file without a record is looked at again, a record is never written before
 * its file is durable. Knows neither tracker nor network.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkRow } from '../../common/protocol/depot-fields.js';
import { ensurePrivateDir, syncDir } from '../../common/runtime/files.js';
import { currentIdentity } from '../library/current-identity.js';
import { compareIdentity } from '../library/hashing/file-identity.js';
import type { HashedFile } from '../library/hashing/hash-file.js';
import { Library, type LibraryEntry } from '../library/library.js';
import { sharedLibrary } from '../shared-library.js';
import type { SharedFile, SharedFiles } from '../upload/shared-file.js';

const ID_LENGTH = 21;

export class DepotCopies {
  readonly #directory: string;
  readonly #index: Library;
  #usedBytes = 0;

  private constructor(directory: string, index: Library) {
    this.#directory = directory;
    this.#index = index;
    for (const { sizeBytes } of index.entries()) this.#usedBytes += sizeBytes;
  }

  static async open(dir: string): Promise<DepotCopies> {
    const directory = join(dir, 'files');
    await ensurePrivateDir(dir);
    await ensurePrivateDir(directory);
    return new DepotCopies(directory, new Library(join(dir, 'depot.sqlite')));
  }

  /** What is served for tickets; never by a mere id, as links are. */
  readonly shared: SharedFiles = {
    find: (publicationId, fileId) => shownName(sharedLibrary(this.#index).find(publicationId, fileId)),
    findFile: () => undefined,
  };

  /** Bytes of all copies. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  publicationIds(): Set<string> {
    return new Set([...this.#index.entries()].map(({ publicationId }) => publicationId));
  }

  get(publicationId: string): LibraryEntry | undefined {
    return this.#index.byPublication(publicationId);
  }

  /** The folder that a publication has for itself, made when it is missing. */
  async folderOf(publicationId: string): Promise<string> {
    const folder = this.#folder(publicationId);
    await ensurePrivateDir(folder);
    await syncDir(this.#directory);
    return folder;
  }

  /** Whether the file of this content is there, as it was when it was recorded. */
  async isWhole({ publicationId, fileId }: Pick<WorkRow, 'publicationId' | 'fileId'>): Promise<boolean> {
    const entry = this.get(publicationId);
    if (entry?.fileId !== fileId) return false;
    const now = await currentIdentity(entry.path).catch(() => undefined);
    return now !== undefined && compareIdentity(entry.identity, now) !== 'changed';
  }

  /** Records a durable file, in the place of other content that the publication had, whose file is removed then. */
  async record({ publicationId, name }: WorkRow, path: string, file: HashedFile): Promise<void> {
    const before = this.get(publicationId);
    const key = `${publicationId} ${name}`;
    this.#index.put(key, path, file);
    this.#index.settle(key, publicationId, 1);
    this.#usedBytes += file.size - (before?.sizeBytes ?? 0);
    if (before === undefined) return;
    if (before.name !== key) this.#index.remove(before.name);
    if (before.path !== path) await rm(before.path, { force: true });
  }

  /** Removes everything of a publication, what was half fetched too. The record goes last: a crash begins again. */
  async drop(publicationId: string): Promise<void> {
    await rm(this.#folder(publicationId), { force: true, recursive: true });
    const entry = this.get(publicationId);
    if (entry === undefined) return;
    this.#index.remove(entry.name);
    this.#usedBytes -= entry.sizeBytes;
  }

  #folder(publicationId: string): string {
    return join(this.#directory, publicationId);
  }

  close(): void {
    this.#index.close();
  }
}

/** In the index names are unique, as those of publications of several owners are not. */
function shownName(file: SharedFile | undefined): SharedFile | undefined {
  return file && { ...file, name: file.name.slice(ID_LENGTH + 1) };
}
