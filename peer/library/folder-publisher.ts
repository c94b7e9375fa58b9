/**
 * What publishing a folder needs beyond a file: reading it into the library, and telling the tracker every path inside, or only what
 * changed since it was told last. `publisher.ts` does the rest.
 */
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { type CommandOptions, PeerError, type PublishInput, type PublishOutcome, type SkippedEntry } from '../api.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';
import { reasonOf } from './failure.js';
import type { Folders, ScannedFolder } from './folders/folders.js';
import { compareIdentity } from './hashing/file-identity.js';
import type { Library, LibraryEntry, Wish } from './library.js';
import { nameTaken } from './name-taken.js';

export interface FolderPublisherOptions {
  readonly library: Library;
  readonly folders: Folders;
  readonly tracker: Pick<TrackerClient, 'request'>;
  onHashing(path: string, doneBytes: number | undefined, sizeBytes: number): void;
  notice(level: 'info' | 'warning' | 'error', text: string): void;
}

/** What the tracker is to be told of, as it is in the library now. */
export interface Prepared {
  readonly path: string;
  readonly name: string;
  readonly fileId: string;
  readonly sizeBytes: number;
  readonly replace: boolean;
  /** The name was new to the library: a refusal by the tracker removes it again. */
  readonly isNew: boolean;
  /** What the library had of the same name and content. */
  readonly before?: LibraryEntry | undefined;
  /** Of a folder. */
  readonly skipped?: readonly SkippedEntry[];
  readonly skippedCount?: number;
}

/** Tells what came of publishing again what is not as it was on the disk; nothing when it was removed meanwhile. */
export function tellChanged(
  name: string,
  outcome: PublishOutcome | undefined,
  notice: FolderPublisherOptions['notice'],
): void {
  if (outcome?.ok === true) notice('info', `${name} has changed on disk and was published again with its new content.`);
  if (outcome?.ok === false)
    notice('warning', `${name} has changed on disk and is not published again yet: ${outcome.problem.message}`);
}

interface FolderWish {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly wish: Wish;
  /** Undefined: as it is. */
  readonly isWatched: boolean | undefined;
  /** Called when the folder was read and before it is recorded; may refuse by throwing. */
  readonly mayTake?: (folderId: string) => void;
}

interface ReadOptions extends CommandOptions {
  readonly isStrict?: boolean;
}

interface ReadFolder {
  readonly fileId: string;
  /** Of the listing. */
  readonly sizeBytes: number;
  readonly skipped: readonly SkippedEntry[];
  readonly skippedCount: number;
  readonly isChanged: boolean;
  /** Of the folder, itself included. */
  readonly directories: readonly string[];
}

export class FolderPublisher {
  readonly #options: FolderPublisherOptions;

  constructor(options: FolderPublisherOptions) {
    this.#options = options;
  }

  /** Reads a folder that is to be published under `name`. @throws {ContentError}, {PeerError} `name-taken`. */
  async prepare(
    {
      path,
      name,
      input,
    }: { readonly path: string; readonly name: string; readonly input: PublishInput & { readonly wish: Wish } },
    options: CommandOptions,
  ): Promise<Prepared> {
    const known = this.#options.library.byName(name);
    const { replace = false, wish, watch } = input;
    const isSamePath = known?.path === path;
    const mayTake = (folderId: string): void => {
      if (known !== undefined && !isSamePath && !replace && known.fileId !== folderId)
        throw nameTaken(name, known.path);
    };
    const read = await this.#read({ name, path, wish, isWatched: watch, mayTake }, options);
    const { fileId, sizeBytes, skipped, skippedCount } = read;
    const before = known?.fileId === fileId ? known : undefined;
    const isNew = known === undefined;
    return { path, name, fileId, sizeBytes, replace: replace || isSamePath, isNew, before, skipped, skippedCount };
  }

  /**
   * Reads a published folder again and publishes it by `announce` when it is not what it was; a failure becomes a notice. Returns its
   * directories, as far as they are watched one by one.
   */
  async rescan(
    name: string,
    announce: (item: Prepared) => Promise<PublishOutcome | undefined>,
    { signal, isStrict }: AbortOptions & { readonly isStrict: boolean },
  ): Promise<readonly string[]> {
    const { library, notice } = this.#options;
    const entry = library.byName(name);
    if (entry === undefined || entry.kind !== 'folder' || entry.state === 'withdrawing') return [];
    const { path } = entry;
    try {
      const wanted = { name, path, wish: {}, isWatched: undefined };
      const { fileId, sizeBytes, directories, isChanged } = await this.#read(wanted, { signal, isStrict });
      if (!isChanged && library.byName(name)?.state === 'published') return directories;
      const outcome = await announce({ path, name, fileId, sizeBytes, replace: true, isNew: false });
      if (isChanged) tellChanged(name, outcome, notice);
      return directories;
    } catch (error) {
      if (signal.aborted) return [];
      notice('warning', `${name} cannot be published as it is now: ${reasonOf(error)} Withdraw it with: unp ${name}`);
      return [];
    }
  }

  /** Search finds the paths when this resolves. The folder is published all the same when the tracker takes no more of them. */
  async tellPaths(name: string, known: string | undefined, { signal }: AbortOptions): Promise<void> {
    const { library, notice } = this.#options;
    const entry = library.byName(name);
    if (entry?.kind !== 'folder') return;
    try {
      await this.#tell(entry, known, { signal });
    } catch (error) {
      signal.throwIfAborted();
      notice('warning', `What is in ${name} is not found by search yet: ${reasonOf(error)}`);
    }
  }

  /** Reads the folder and records it in the library as it is now. @throws {ContentError} */
  async #read({ name, path, wish, isWatched, mayTake }: FolderWish, options: ReadOptions): Promise<ReadFolder> {
    const { library } = this.#options;
    const scanned = await this.#scan(path, options);
    mayTake?.(scanned.folderId);
    const known = library.byName(name);
    const isSame =
      known?.path === path &&
      known.fileId === scanned.folderId &&
      compareIdentity(known.identity, scanned.identity) === 'same';
    if (!isSame) this.#put(name, path, { scanned, wish, isWatched: isWatched ?? known?.isWatched ?? false });
    else {
      if (wish.rights !== undefined || wish.terms !== undefined) library.wish(name, wish);
      if (isWatched !== undefined) library.setWatched(name, isWatched);
    }
    if (known?.listing !== undefined && known.fileId !== scanned.folderId) await this.#forgetListing(known.fileId);
    const { skipped, skippedCount, directories } = scanned;
    const isChanged = known?.fileId !== scanned.folderId;
    return { fileId: scanned.folderId, sizeBytes: scanned.size, skipped, skippedCount, isChanged, directories };
  }

  /** Tells the tracker what it does not know of the paths inside; `known` is the content it says it has all paths of. */
  async #tell(entry: LibraryEntry, known: string | undefined, { signal }: AbortOptions): Promise<void> {
    const { library, folders, tracker } = this.#options;
    const { path: root, fileId, publicationId, name } = entry;
    const described = await folders.described(root, { signal });
    const key = `${publicationId} ${known ?? ''}`;
    if (known === fileId && described === key) return library.setDescribed(name, fileId);
    let isStart = known === undefined || described !== key;
    if (isStart) await folders.forgetTold(root, { signal });
    for (let isEnd = false; !isEnd; isStart = false) {
      const untold = await folders.untold(root, { signal });
      isEnd = untold.isAll;
      const told = { put: [...untold.put], drop: [...untold.drop], start: isStart, end: isEnd };
      await tracker.request('paths', { publicationId, fileId, ...told }, { signal });
      await folders.setTold(root, untold, { signal });
    }
    await folders.setDescribed(root, `${publicationId} ${fileId}`, { signal });
    library.setDescribed(name, fileId);
  }

  /** The next read writes it again. */
  async #forgetListing(folderId: string): Promise<void> {
    const { library, folders } = this.#options;
    if (library.byFileId(folderId) === undefined) await folders.removeListing(folderId);
  }

  async #scan(path: string, { signal, onProgress, isStrict = false }: ReadOptions): Promise<ScannedFolder> {
    const { folders, onHashing } = this.#options;
    try {
      return await folders.scan(path, {
        signal,
        isStrict,
        onFiles: () => onHashing(path, 0, 0),
        onBytes: (file, doneBytes, sizeBytes) => {
          onHashing(path, doneBytes, sizeBytes);
          onProgress?.({ event: 'hashing', path: file, doneBytes, sizeBytes });
        },
      });
    } finally {
      onHashing(path, undefined, 0);
    }
  }

  #put(
    name: string,
    path: string,
    { scanned, wish, isWatched }: { scanned: ScannedFolder; wish: Wish; isWatched: boolean },
  ): void {
    const { folderId: fileId, file: listing, size, chunkSize, hashes, identity, files, bytes } = scanned;
    if (size === 0)
      throw new PeerError({ code: 'not-found', message: `${path} has nothing in it that can be published.` });
    const folder = { listing, files, bytes, isWatched };
    this.#options.library.put(name, path, { fileId, size, chunkSize, hashes, identity, folder }, wish);
  }
}
