/**
 * The copies on this depot's disk: which file stands for each publication, with its proven hashes, durable in `<dir>/depot.sqlite`, the
 * files beside it in `files/`. Data first, record second: a file without a record is looked at again, a record is never written before
 * its file is durable. Nothing is thrown away here but what was told to be dropped, and what a whole copy has replaced: what is proven
 * wrong is set aside, what nobody lists goes to the trash. Knows neither tracker nor network.
 */
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { WorkRow } from '../../common/protocol/depot-fields.js';
import type { Clock } from '../../common/runtime/clock.js';
import { ensurePrivateDir, syncDir } from '../../common/runtime/files.js';
import { PeerError } from '../api.js';
import { errnoOf } from '../download/file-problem.js';
import { targetOf } from '../download/target.js';
import { contentProblem } from '../library/content-problem.js';
import { currentIdentity } from '../library/current-identity.js';
import type { FolderIndex } from '../library/folders/folder-index.js';
import type { Folders } from '../library/folders/folders.js';
import { compareIdentity } from '../library/hashing/file-identity.js';
import { fileError } from '../library/hashing/open-regular-file.js';
import { Library, type LibraryEntry, type PutFile } from '../library/library.js';
import { sharedLibrary } from '../shared-library.js';
import type { SharedFiles } from '../upload/shared-file.js';
import { DepotTrash } from './depot-trash.js';
import { listingOf } from './read-copy.js';

const ID_LENGTH = 21;
const PUBLICATION_ID = /^[\w-]{21}$/;
const DAMAGED = '.damaged';

/** Which content of which publication. */
export type CopyKey = Pick<WorkRow, 'publicationId' | 'fileId'>;

export interface DepotCopiesOptions {
  /** What is known of the files inside stored folders; of this depot alone, as `index`. */
  readonly folders: Folders;
  readonly index: FolderIndex;
  readonly clock: Clock;
}

export class DepotCopies {
  readonly #directory: string;
  readonly #index: Library;
  readonly #folders: Folders;
  readonly trash: DepotTrash;
  /** What is served for tickets; never by a mere id, as links are. */
  readonly shared: SharedFiles;
  #usedBytes = 0;

  /** How far they have been read again. */
  readonly scrubFile: string;

  private constructor(directory: string, trash: DepotTrash, { index, folders }: DepotCopiesOptions) {
    this.#directory = join(directory, 'files');
    this.scrubFile = join(directory, 'scrub.json');
    this.#index = new Library(join(directory, 'depot.sqlite'));
    this.#folders = folders;
    this.trash = trash;
    const files = sharedLibrary(this.#index, index, shownName);
    this.shared = { find: (...key) => files.find(...key), findFile: () => undefined };
    for (const entry of this.#index.entries()) this.#usedBytes += bytesOf(entry);
  }

  /** @throws {PeerError} `unreadable` when copies are recorded and not one is there: their disk is not mounted. */
  static async open(dir: string, options: DepotCopiesOptions): Promise<DepotCopies> {
    await ensurePrivateDir(dir);
    await ensurePrivateDir(join(dir, 'files'));
    const trash = await DepotTrash.open(join(dir, 'trash'), options.clock);
    const copies = new DepotCopies(dir, trash, options);
    if (copies.#usedBytes > 0 && (await copies.#publications()).length === 0) {
      copies.close();
      const message = `${join(dir, 'files')} is empty, though copies are recorded. Mount its disk; or, to begin anew, remove ${dir}.`;
      throw new PeerError({ code: 'unreadable', message });
    }
    return copies;
  }

  /** Bytes of all copies. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** All of which there is anything here, half fetched or without a record, too. */
  async publicationIds(): Promise<Set<string>> {
    const recorded = [...this.#index.entries()].map(({ publicationId }) => publicationId);
    return new Set([...recorded, ...(await this.#publications())]);
  }

  get(publicationId: string): LibraryEntry | undefined {
    return this.#index.byPublication(publicationId);
  }

  /** The recorded copy that comes next by its id; '' for the first. */
  after(publicationId: string): string | undefined {
    return this.#index.publicationAfter(publicationId);
  }

  nameOf({ name }: LibraryEntry): string {
    return shownName(name);
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

  /** Of a folder its listing; the files inside are looked at when they are served. @throws {PeerError} `unreadable`: nobody knows. */
  async isWhole({ publicationId, fileId }: CopyKey): Promise<boolean> {
    const entry = this.get(publicationId);
    if (entry?.fileId !== fileId) return false;
    try {
      if (entry.listing !== undefined) await currentIdentity(entry.path);
      return compareIdentity(entry.identity, await currentIdentity(entry.listing ?? entry.path)) !== 'changed';
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
    this.#index.settle({ name: key, fileId: file.fileId, state: 'pending' }, publicationId, 1);
    this.#usedBytes += file.size + (file.folder?.bytes ?? 0) - (before === undefined ? 0 : bytesOf(before));
    if (before !== undefined && before.name !== key) this.#index.remove(before.name);
    await this.#clear(publicationId, [path, listingOf(path)]);
  }

  /** A folder here that has much of what `row` wants: its content before, or what was set aside. */
  async reusable(row: WorkRow): Promise<string | undefined> {
    const entry = this.get(row.publicationId);
    if (entry?.kind === 'folder') return entry.path;
    const aside = `${this.pathOf(row)}${DAMAGED}`;
    return (await readdir(this.#folder(row.publicationId))).includes(basename(aside)) ? aside : undefined;
  }

  /** What was half fetched of a folder's earlier content goes on as this one: each file of it is proven anew. */
  async adoptPart(row: WorkRow): Promise<void> {
    const folder = this.#folder(row.publicationId);
    const part = basename(targetOf(folder, row.fileId, row.publicationId).partPath);
    const parts = (await readdir(folder)).filter((name) => name.startsWith('.') && name.endsWith('.part'));
    const [other] = parts;
    if (other !== undefined && !parts.includes(part)) await rename(join(folder, other), join(folder, part));
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
    await this.#clear(publicationId, []);
    await rm(this.#folder(publicationId), { force: true, recursive: true });
    await this.trash.remove(publicationId);
    const entry = this.get(publicationId);
    if (entry !== undefined) this.#remove(entry);
  }

  /** Nobody lists it, and nobody said to drop it. */
  async throwAway(publicationId: string): Promise<void> {
    const entry = this.get(publicationId);
    const note = entry && { name: this.nameOf(entry), fileId: entry.fileId, bytes: bytesOf(entry) };
    await this.trash.put(publicationId, this.#folder(publicationId), note).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error; // There was a record alone.
    });
    if (entry?.kind === 'folder') await this.#folders.forget(entry.path, forever);
    if (entry !== undefined) this.#remove(entry);
  }

  /** Something that was thrown away is wanted again: it lies at its place now, to be read. */
  async takeBack(key: CopyKey): Promise<void> {
    const isThere = (await readdir(await this.folderOf(key.publicationId))).includes(key.fileId);
    if (!isThere) await this.trash.takeBack(key.publicationId, key.fileId, this.pathOf(key));
  }

  #remove(entry: LibraryEntry): void {
    this.#index.remove(entry.name);
    this.#usedBytes -= bytesOf(entry);
  }

  /** Removes what a publication has here but `kept`. */
  async #clear(publicationId: string, kept: readonly string[]): Promise<void> {
    const folder = this.#folder(publicationId);
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    });
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (kept.includes(path)) continue;
      await rm(path, { recursive: true, force: true });
      if (entry.isDirectory() && !entry.name.startsWith('.')) await this.#folders.forget(path, forever);
    }
  }

  /** Whatever else lies there is not ours. */
  async #publications(): Promise<string[]> {
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
function shownName(name: string): string {
  return name.slice(ID_LENGTH + 1);
}

/** The room that a copy takes. */
function bytesOf({ sizeBytes, bytes = 0 }: LibraryEntry): number {
  return sizeBytes + bytes;
}

/** What is removed is removed to its end. */
const forever = { signal: new AbortController().signal };
