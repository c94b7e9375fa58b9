/**
 * The copies on this depot's disk: which file stands for each publication, with its proven hashes, durable in `<dir>/depot.sqlite`, the
 * files beside it in `files/`. Data first, record second: a file without a record is looked at again, a record is never written before
 * its file is durable. Nothing is thrown away here but what was told to be dropped, and what a whole copy has replaced: what is proven
 * wrong is set aside, what nobody lists goes to the trash. Knows neither tracker nor network.
 */
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkRow } from '../../common/protocol/depot-fields.js';
import type { Clock } from '../../common/runtime/clock.js';
import { ensurePrivateDir, syncDir } from '../../common/runtime/files.js';
import { PeerError } from '../api.js';
import { errnoOf } from '../download/file-problem.js';
import { contentProblem } from '../library/content-problem.js';
import { currentIdentity } from '../library/current-identity.js';
import { compareIdentity } from '../library/hashing/file-identity.js';
import { fileError } from '../library/hashing/open-regular-file.js';
import { Library, type LibraryEntry, type PutFile } from '../library/library.js';
import { sharedLibrary } from '../shared-library.js';
import type { SharedFile, SharedFiles } from '../upload/shared-file.js';
import { DepotTrash } from './depot-trash.js';

const ID_LENGTH = 21;
const PUBLICATION_ID = /^[\w-]{21}$/;
const DAMAGED = '.damaged';

/** Which content of which publication. */
export type CopyKey = Pick<WorkRow, 'publicationId' | 'fileId'>;

export class DepotCopies {
  readonly #directory: string;
  readonly #index: Library;
  readonly trash: DepotTrash;
  #usedBytes = 0;

  private constructor(directory: string, index: Library, trash: DepotTrash) {
    this.#directory = directory;
    this.#index = index;
    this.trash = trash;
    for (const { sizeBytes } of index.entries()) this.#usedBytes += sizeBytes;
  }

  /** @throws {PeerError} `unreadable` when copies are recorded and not one is there: their disk is not mounted. */
  static async open(dir: string, clock: Clock): Promise<DepotCopies> {
    const directory = join(dir, 'files');
    await ensurePrivateDir(dir);
    await ensurePrivateDir(directory);
    const trash = await DepotTrash.open(join(dir, 'trash'), clock);
    const index = new Library(join(dir, 'depot.sqlite'));
    const copies = new DepotCopies(directory, index, trash);
    if (copies.#usedBytes > 0 && (await copies.#folders()).length === 0) {
      index.close();
      const message = `${directory} is empty, though copies are recorded. Mount its disk; or, to begin anew, remove ${dir}.`;
      throw new PeerError({ code: 'unreadable', message });
    }
    return copies;
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

  /** All of which there is anything here, half fetched or without a record, too. */
  async publicationIds(): Promise<Set<string>> {
    const recorded = [...this.#index.entries()].map(({ publicationId }) => publicationId);
    return new Set([...recorded, ...(await this.#folders())]);
  }

  get(publicationId: string): LibraryEntry | undefined {
    return this.#index.byPublication(publicationId);
  }

  nameOf({ name }: LibraryEntry): string {
    return name.slice(ID_LENGTH + 1);
  }

  /** The folder that a publication has for itself, made when it is missing. */
  async folderOf(publicationId: string): Promise<string> {
    const folder = this.#folder(publicationId);
    await ensurePrivateDir(folder);
    await syncDir(this.#directory);
    return folder;
  }

  /** Where a content lies when it is whole. */
  pathOf({ publicationId, fileId }: CopyKey): string {
    return join(this.#folder(publicationId), fileId);
  }

  /** Whether the file of this content is there, as it was when it was recorded. @throws {PeerError} `unreadable`: nobody knows. */
  async isWhole({ publicationId, fileId }: CopyKey): Promise<boolean> {
    const entry = this.get(publicationId);
    if (entry?.fileId !== fileId) return false;
    try {
      return compareIdentity(entry.identity, await currentIdentity(entry.path)) !== 'changed';
    } catch (error) {
      const reason = fileError(entry.path, error);
      if (reason.code === 'not-found') return false;
      throw new PeerError(contentProblem(reason), { cause: error });
    }
  }

  /** Records a durable file. What the publication had before, damaged and half fetched too, has been replaced by it, and goes. */
  async record(
    { publicationId, name }: Pick<WorkRow, 'publicationId' | 'name'>,
    path: string,
    file: PutFile,
  ): Promise<void> {
    const before = this.get(publicationId);
    const key = `${publicationId} ${name}`;
    this.#index.put(key, path, file);
    this.#index.settle(key, publicationId, 1);
    this.#usedBytes += file.size - (before?.sizeBytes ?? 0);
    if (before !== undefined && before.name !== key) this.#index.remove(before.name);
    const folder = this.#folder(publicationId);
    for (const other of await readdir(folder))
      if (join(folder, other) !== path) await rm(join(folder, other), { recursive: true, force: true });
  }

  /** What was read and has not this id is kept beside until a whole one is recorded: it may be all that is left. */
  async setAside(key: CopyKey): Promise<void> {
    const path = this.pathOf(key);
    const aside = `${path}${DAMAGED}`;
    // The first one was stored; what comes after it was fetched just now from whoever has it.
    const isFirst = !(await readdir(this.#folder(key.publicationId))).includes(`${key.fileId}${DAMAGED}`);
    if (isFirst) await rename(path, aside);
    else await rm(path, { recursive: true, force: true });
    await syncDir(this.#folder(key.publicationId));
    this.forget(key);
  }

  /** There is no file of this content any more. */
  forget({ publicationId, fileId }: CopyKey): void {
    const entry = this.get(publicationId);
    if (entry?.fileId === fileId) this.#remove(entry);
  }

  /** Removes everything of a publication, what was half fetched too. The record goes last: a crash begins again. */
  async drop(publicationId: string): Promise<void> {
    await rm(this.#folder(publicationId), { force: true, recursive: true });
    await this.trash.remove(publicationId);
    const entry = this.get(publicationId);
    if (entry !== undefined) this.#remove(entry);
  }

  /** Nobody lists it, and nobody said to drop it. */
  async throwAway(publicationId: string): Promise<void> {
    const entry = this.get(publicationId);
    const note = entry && { name: this.nameOf(entry), fileId: entry.fileId, bytes: entry.sizeBytes };
    await this.trash.put(publicationId, this.#folder(publicationId), note).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error; // There was a record alone.
    });
    if (entry !== undefined) this.#remove(entry);
  }

  /** Something that was thrown away is wanted again: it lies at its place now, to be read. */
  async takeBack(key: CopyKey): Promise<void> {
    const isThere = (await readdir(await this.folderOf(key.publicationId))).includes(key.fileId);
    if (!isThere) await this.trash.takeBack(key.publicationId, key.fileId, this.pathOf(key));
  }

  #remove(entry: LibraryEntry): void {
    this.#index.remove(entry.name);
    this.#usedBytes -= entry.sizeBytes;
  }

  /** Whatever else lies there is not ours. */
  async #folders(): Promise<string[]> {
    return (await readdir(this.#directory)).filter((name) => PUBLICATION_ID.test(name));
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
