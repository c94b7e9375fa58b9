/**
 * Keeps the library and the tracker in step: publishes, withdraws, and after a login tells the tracker what it does not know.
 * It knows the tracker only as `request`, and no screen: progress and notices go to callbacks.
 */
import { basename } from 'node:path';

import { chunkSizeFor } from '../../common/content/chunk-size.js';
import { parseFileId } from '../../common/content/file-id.js';
import { checkFileName } from '../../common/content/file-name.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import {
  type CommandOptions,
  PeerError,
  type PeerProblem,
  type PublishInput,
  type PublishOutcome,
  type UnpublishOutcome,
} from '../api.js';
import { peerErrorOf } from '../tracker-client/problems.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';
import { currentIdentity } from './current-identity.js';
import { problemOfFailure, reasonOf } from './failure.js';
import { FolderPublisher, type Prepared, tellChanged } from './folder-publisher.js';
import type { Folders } from './folders/folders.js';
import { compareIdentity, type FileIdentity } from './hashing/file-identity.js';
import type { FileHasher, HashedFile } from './hashing/hash-file.js';
import type { Library, LibraryEntry, Wish } from './library.js';
import { BULK_ENTRIES, LibrarySync, settleAll } from './library-sync.js';
import { nameTaken } from './name-taken.js';
import { notMine, ownName } from './own-name.js';
import { mineRow } from './publication-row.js';
import { isDirectory, publishEntry } from './publish-entry.js';
import { inWishes, wireWish, wishOf } from './wire-rights.js';
import { shownTerms, wireTerms } from './wire-terms.js';

export interface PublisherOptions {
  readonly library: Library;
  readonly hasher: FileHasher;
  readonly folders: Folders;
  readonly tracker: Pick<TrackerClient, 'request'>;
  readonly user: () => string;
  readonly now: () => number;
  /** A file is being hashed; called with undefined bytes when that ended. */
  onHashing(path: string, doneBytes: number | undefined, sizeBytes: number): void;
  notice(level: 'info' | 'warning' | 'error', text: string): void;
  /** Something was published or withdrawn. */
  readonly onChanged?: () => void;
  readonly clock?: Clock | undefined;
}

interface RescanOptions extends AbortOptions {
  readonly isStrict?: boolean;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #folders: FolderPublisher;
  readonly #refreshing = new Map<string, Promise<void>>();
  readonly #sync: LibrarySync;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#folders = new FolderPublisher(options);
    this.#sync = new LibrarySync({ ...options, folders: this.#folders });
  }

  /** One outcome a path, in order; a path that fails does not stop the others. */
  async publish(input: PublishInput, options: CommandOptions): Promise<PublishOutcome[]> {
    if (input.as !== undefined && input.paths.length !== 1) {
      throw new PeerError({ code: 'usage', message: '--as names one file, so give it one path.' });
    }
    const wish = { rights: input.rights, terms: input.terms && (await wireTerms(input.terms, this.#options.library)) };
    const prepared: (Prepared | PeerProblem)[] = [];
    const outcomeByName = new Map<string, PublishOutcome>();
    for (let start = 0; start < input.paths.length; start += BULK_ENTRIES) {
      const some = await this.#prepareAll(input.paths.slice(start, start + BULK_ENTRIES), { ...input, wish }, options);
      prepared.push(...some);
      const ready = some.filter((item) => 'fileId' in item);
      for (const alike of inWishes(ready, ({ name }) => this.#options.library.byName(name)))
        await this.#announce(alike, outcomeByName, options);
    }
    this.#options.onChanged?.();
    return prepared.map((item, index) => {
      const path = input.paths[index] ?? '';
      if (!('fileId' in item)) return { ok: false, path, problem: item };
      return (
        outcomeByName.get(item.name) ?? {
          ok: false,
          path,
          problem: { code: 'internal', message: `${path} was not published.` },
        }
      );
    });
  }

  /** Withdraws by name or `id:PREFIX`. */
  async withdraw(selectors: readonly string[], { signal }: AbortOptions): Promise<UnpublishOutcome[]> {
    const outcomes: UnpublishOutcome[] = [];
    for (const selector of selectors) outcomes.push(await this.#withdrawOne(selector, { signal }));
    this.#options.onChanged?.();
    return outcomes;
  }

  /** The tracker has removed it. */
  forget(publicationId: string): void {
    const { library } = this.#options;
    const entry = library.byPublication(publicationId);
    if (entry !== undefined) library.remove(entry.name);
  }

  /** Tells the tracker what it does not know of this device's library, or only what is known to be unsettled. */
  sync(which: 'all' | 'unsettled', { signal }: AbortOptions): Promise<void> {
    return this.#sync.run(which, { signal });
  }

  /** `sync` in the background. A failure becomes a notice. */
  syncSoon(which: 'all' | 'unsettled', { signal }: AbortOptions): void {
    this.#sync.soon(which, { signal });
  }

  /**
   * The file behind a publication is not what was hashed: hash it again and publish what it is now. A failure becomes a notice. Undefined
   * when there is nothing to do.
   */
  refresh(publicationId: string, { signal }: AbortOptions): Promise<void> | undefined {
    const known = this.#refreshing.get(publicationId);
    if (known !== undefined) return known;
    const entry = this.#options.library.byPublication(publicationId);
    if (signal.aborted || entry === undefined || entry.state === 'withdrawing') return undefined;
    const running = this.#refresh(entry, { signal }).finally(() => this.#refreshing.delete(publicationId));
    this.#refreshing.set(publicationId, running);
    return running;
  }

  /** See `FolderPublisher.rescan`. */
  rescan(name: string, { signal, isStrict = false }: RescanOptions): Promise<readonly string[]> {
    const announce = (item: Prepared): Promise<PublishOutcome | undefined> => this.#announceOne(item, { signal });
    return this.#folders.rescan(name, announce, { signal, isStrict });
  }

  /** Hashes them at once and records them in one step; in the order of `paths`. */
  async #prepareAll(
    paths: readonly string[],
    input: PublishInput & { readonly wish: Wish },
    options: CommandOptions,
  ): Promise<(Prepared | PeerProblem)[]> {
    const orProblem = (error: unknown): PeerProblem => {
      options.signal.throwIfAborted();
      return problemOfFailure(error);
    };
    const hashed = await Promise.all(paths.map((path) => this.#prepare(path, input, options).catch(orProblem)));
    const recorded = (item: (typeof hashed)[number]): Prepared | PeerProblem => {
      try {
        return 'record' in item ? item.record() : item;
      } catch (error) {
        return orProblem(error);
      }
    };
    try {
      return this.#options.library.inOneStep(() => hashed.map(recorded));
    } catch (error) {
      return hashed.map((item) => ('record' in item ? orProblem(error) : item));
    }
  }

  /** A file that was hashed comes as what is to record it. */
  async #prepare(
    path: string,
    input: PublishInput & { readonly wish: Wish },
    { signal, onProgress }: CommandOptions,
  ): Promise<Prepared | { readonly record: () => Prepared }> {
    const { as, replace = false, wish } = input;
    const { library } = this.#options;
    const name = as ?? basename(path);
    const bad = checkFileName(name);
    if (bad !== undefined)
      throw new PeerError({
        code: 'bad-name',
        message: `${path} cannot be published. ${bad.message} Give another name with --as NAME.`,
      });
    const renamed = library.byWishedName(name);
    if (renamed !== undefined) throw nameTaken(name, renamed.path);
    const known = library.byName(name);
    const isSamePath = known?.path === path;
    if (await isDirectory(path))
      return this.#folders.prepare({ path, name, input }, { signal, ...(onProgress ? { onProgress } : {}) });
    if (known !== undefined && isSamePath && (await isUnchanged(known))) {
      if (wish.rights !== undefined || wish.terms !== undefined) library.wish(name, wish);
      return {
        path,
        name,
        fileId: known.fileId,
        sizeBytes: known.sizeBytes,
        replace: true,
        isNew: false,
        before: known,
      };
    }
    const file = await this.#hash(path, { signal, ...(onProgress ? { onProgress } : {}) });
    return { record: () => this.#record(path, file, { name, replace, wish }) };
  }

  /** @throws {PeerError} `name-taken`, also by another path of the same command. */
  #record(
    path: string,
    file: HashedFile,
    { name, replace, wish }: { readonly name: string; readonly replace: boolean; readonly wish: Wish },
  ): Prepared {
    const { library } = this.#options;
    const known = library.byName(name);
    const isSamePath = known?.path === path;
    if (known !== undefined && !isSamePath && !replace && known.fileId !== file.fileId)
      throw nameTaken(name, known.path);
    library.put(name, path, file, wish);
    const { fileId, size: sizeBytes } = file;
    const before = known?.fileId === fileId ? known : undefined;
    return { path, name, fileId, sizeBytes, replace: replace || isSamePath, isNew: known === undefined, before };
  }

  async #hash(path: string, { signal, onProgress }: CommandOptions): Promise<HashedFile> {
    const { hasher, onHashing } = this.#options;
    const now = await currentIdentity(path).catch(() => undefined);
    const sizeBytes = Number(now?.size ?? 0);
    const moved = now === undefined ? undefined : this.#knownContent(now);
    if (moved !== undefined) return moved;
    const report = (doneBytes: number): void => {
      onHashing(path, doneBytes, sizeBytes);
      onProgress?.({ event: 'hashing', path, doneBytes, sizeBytes });
    };
    try {
      return await hasher.hash(path, { signal, onProgress: report });
    } finally {
      onHashing(path, undefined, sizeBytes);
    }
  }

  /** A file that was moved or has got a second name is not read again. With the ctime of before: whoever serves it looks at it once. */
  #knownContent(now: FileIdentity): HashedFile | undefined {
    const { library } = this.#options;
    const known = library.byInode(now);
    if (known === undefined) return undefined;
    const { fileId, sizeBytes: size, identity } = known;
    const hashes = library.hashes(fileId);
    if (hashes === undefined) return undefined;
    return { fileId: parseFileId(fileId), size, chunkSize: chunkSizeFor(size), hashes, identity };
  }

  async #announce(
    batch: readonly Prepared[],
    outcomeByName: Map<string, PublishOutcome>,
    { signal }: AbortOptions,
  ): Promise<void> {
    const { library, tracker } = this.#options;
    try {
      // One may have been removed meanwhile.
      const items = batch.filter(({ name }) => library.byName(name) !== undefined);
      const told = items.map(({ name }) => library.byName(name) as LibraryEntry);
      const wish = wishOf(told[0]);
      const entries = told.map((entry, index) => ({
        ...publishEntry(entry),
        ...(items[index]?.replace === true ? { replace: true } : {}),
      }));
      const reply = await tracker.request('publish', { entries, ...wireWish(wish) }, { signal });
      settleAll(library, told, reply.results);
      for (const [index, item] of items.entries()) {
        const result = reply.results[index];
        if (result?.ok === true) {
          await this.#folders.tellPaths(item.name, result.paths, { signal });
          const { skipped, skippedCount = 0 } = item;
          outcomeByName.set(item.name, {
            ok: true,
            path: item.path,
            publication: this.#row(item.name, wish, result.rights),
            change: result.change,
            ...(skippedCount > 0 ? { skipped: skipped ?? [], skippedCount } : {}),
          });
        } else {
          if (item.isNew) library.remove(item.name);
          // Asked for with each later `pub`, it would be refused each time. A new content waits: it was not meant for those of before.
          else if (result?.error.code === 'unknown-name' && item.before !== undefined)
            library.unwish(told[index] as LibraryEntry, item.before);
          const problem =
            result === undefined
              ? peerErrorOf({ code: 'internal', message: '' }).problem
              : peerErrorOf(result.error).problem;
          outcomeByName.set(item.name, { ok: false, path: item.path, problem });
        }
      }
      library.revision = reply.libraryRevision;
    } catch (error) {
      signal.throwIfAborted();
      // The tracker may or may not have heard it. The entry stays `pending`: the next sync settles it.
      const problem = problemOfFailure(error);
      const message = `${problem.message} What was hashed is kept and published when the tracker is back.`;
      for (const item of batch)
        outcomeByName.set(item.name, { ok: false, path: item.path, problem: { ...problem, message } });
    }
  }

  /** What came of it; undefined when it was removed meanwhile. */
  async #announceOne(item: Prepared, options: AbortOptions): Promise<PublishOutcome | undefined> {
    const outcomeByName = new Map<string, PublishOutcome>();
    await this.#announce([item], outcomeByName, options);
    return outcomeByName.get(item.name);
  }

  async #withdrawOne(selector: string, { signal }: AbortOptions): Promise<UnpublishOutcome> {
    const { library, tracker } = this.#options;
    try {
      const name = await ownName(selector, { tracker, user: this.#options.user() }, { signal });
      library.withdraw(name);
      const reply = await tracker.request('unpublish', { names: [name] }, { signal });
      const result = reply.results[0];
      const entry = library.byName(name);
      library.forget(name);
      library.revision = reply.libraryRevision;
      if (result?.ok !== true) throw notMine(selector);
      return {
        ok: true,
        selector,
        publication: mineRow(
          { name, ...(entry ?? {}), publicationId: result.publicationId },
          this.#options.user(),
          this.#options.now(),
        ),
      };
    } catch (error) {
      signal.throwIfAborted();
      return { ok: false, selector, problem: problemOfFailure(error) };
    }
  }

  async #refresh(entry: LibraryEntry, { signal }: AbortOptions): Promise<void> {
    const { library, notice } = this.#options;
    if (entry.kind === 'folder') {
      await this.rescan(entry.name, { signal, isStrict: true });
      return;
    }
    try {
      const file = await this.#hash(entry.path, { signal });
      library.put(entry.name, entry.path, file);
      if (file.fileId === entry.fileId) return this.#unchanged(entry);
      const { name, path } = entry;
      const item = { path, name, fileId: file.fileId, sizeBytes: file.size, replace: true, isNew: false };
      tellChanged(name, await this.#announceOne(item, { signal }), notice);
    } catch (error) {
      if (signal.aborted) return;
      notice('warning', `${entry.name} cannot be served: ${reasonOf(error)} Withdraw it with: unp ${entry.name}`);
    }
  }

  /** What the tracker did not know of it before it does not know now. */
  #unchanged({ name, fileId, state, publicationId, revision }: LibraryEntry): void {
    if (state === 'published') this.#options.library.settle({ name, fileId, state }, publicationId, revision);
  }

  #row(name: string, wish: Wish, rights: 'public' | 'limited'): ReturnType<typeof mineRow> {
    const entry = this.#options.library.byName(name) ?? { name };
    const row = mineRow({ ...entry, rights: wish.rights ?? rights }, this.#options.user(), this.#options.now());
    return { ...row, ...(wish.terms && shownTerms(wish.terms)) };
  }
}

async function isUnchanged(entry: LibraryEntry): Promise<boolean> {
  const now = await currentIdentity(entry.path).catch(() => undefined);
  return now !== undefined && compareIdentity(entry.identity, now) === 'same';
}
