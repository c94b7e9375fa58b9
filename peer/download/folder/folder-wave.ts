/**
 * One wave of a folder download: finds out what of it is on this disk already, fetches the rest from the sources there are, and has it
 * synced. Neighbours: `folder-plan.ts` (what is wanted), `folder-intake.ts` (what arrives), `staging.ts` (where it goes).
 */
import type { FileHandle } from 'node:fs/promises';

import { chunkSizeFor } from '../../../common/content/chunk-size.js';
import { ContentError } from '../../../common/content/content-error.js';
import { parseManifest } from '../../../common/content/manifest.js';
import type { AbortOptions } from '../../../common/runtime/deadline.js';
import type { RateMeter } from '../../file-port/rate-meter.js';
import type { ChunkWriter } from '../chunk-writer.js';
import { faultPoint } from '../fault-point.js';
import type { Swarm } from '../fellows.js';
import { isWithoutContent, SourceFault } from '../source-fault.js';
import type { SourceSession } from '../source-session.js';
import type { ArrivedFiles } from './arrived-files.js';
import { FolderIntake, type LargeFile } from './folder-intake.js';
import { isWantedFile, type Wanted, type WantedFile } from './folder-plan.js';
import { isInPlace, type LocalFolder } from './local-folder.js';
import type { OpenSessions } from './open-sessions.js';
import { heldChunks, reuseChunks } from './reuse-chunks.js';
import { SINGLE, stagedFile } from './stage-files.js';
import type { StageThreads } from './stage-threads.js';
import type { Staging } from './staging.js';

/** Files that are synced by one call to a thread. */
const SYNC_BATCH = 64;
/** Hash lists that are asked for at once. */
const MANIFESTS_AT_ONCE = 8;

export interface WaveOptions extends AbortOptions {
  readonly staging: Staging;
  readonly threads: StageThreads;
  readonly writer: ChunkWriter;
  readonly sessions: OpenSessions;
  readonly meter: RateMeter;
  readonly local: LocalRoot | undefined;
  /** Ask for files one by one. */
  readonly isApart: boolean;
  readonly onCredit: (session: SourceSession, bytes: number) => void;
  readonly onResumed: (bytes: number) => void;
  readonly onWritten: (bytes: number, files: number) => void;
  readonly onMissing: (file: WantedFile) => void;
  /** What came from sources, and others may have from here. */
  readonly arrived: ArrivedFiles;
  /** Our own device, and those that fetch the same. */
  readonly ownPin: string;
  readonly swarm: () => Swarm;
  /** A file has to be moved from the staging folder to its place. */
  readonly onStaged: (file: WantedFile) => void;
  /** Files on this disk are looked at, and no source is needed, from +1 to -1. */
  readonly onChecking: (by: 1 | -1) => void;
}

/** A folder on this disk that may have some of it. */
export interface LocalRoot {
  readonly root: string;
  readonly folder: LocalFolder;
  /** It is the one that is brought up to date: what is right there stays where it is. */
  readonly isTarget: boolean;
}

export class FolderWave {
  readonly #options: WaveOptions;
  readonly #syncs: Promise<void>[] = [];
  #unsynced: string[] = [];
  /** Large files grow until the end of the wave. */
  readonly #large: string[] = [];
  intake: FolderIntake | undefined;

  constructor(options: WaveOptions) {
    this.#options = options;
  }

  /** Resolves when all of it that is not missing is in the staging folder, and on its way to the disk: see `synced`. */
  async run(wanted: readonly Wanted[]): Promise<void> {
    const { threads, staging } = this.#options;
    const files = wanted.filter(isWantedFile);
    const directories = wanted.filter((one) => !isWantedFile(one)).map(({ to }) => to);
    if (directories.length > 0) await threads.call('makeDirectories', [staging.files, directories]);
    const lacking = await this.#checking(() => this.#withoutThose(files));
    const isSmall = ({ entry }: WantedFile): boolean => entry.size <= chunkSizeFor(entry.size);
    const large = await this.#prepareLarge(lacking.filter((file) => !isSmall(file)));
    await this.#fetch(lacking.filter(isSmall), large);
    await staging.closeFiles();
  }

  /** Resolves when everything staged so far is on the disk. @throws the system's error. */
  async synced(): Promise<void> {
    this.#unsynced.push(...this.#large.splice(0));
    this.#sync();
    await Promise.all(this.#syncs);
  }

  async #checking<T>(look: () => Promise<T>): Promise<T> {
    const { onChecking } = this.#options;
    onChecking(1);
    try {
      return await look();
    } finally {
      onChecking(-1);
    }
  }

  /** All files that are not here yet. */
  async #withoutThose(files: readonly WantedFile[]): Promise<WantedFile[]> {
    const { local } = this.#options;
    const changed = local?.isTarget === true ? files.filter((file) => !this.#isInPlace(file, local.folder)) : files;
    const unstaged = await this.#withoutStaged(changed);
    const empty = unstaged.filter(({ entry }) => entry.size === 0);
    await this.#writeSmall(empty, Buffer.alloc(0));
    this.#options.onWritten(0, empty.length);
    const filled = unstaged.filter(({ entry }) => entry.size > 0);
    return local === undefined ? filled : this.#withoutCopied(filled, local);
  }

  #isInPlace(file: WantedFile, local: LocalFolder): boolean {
    if (!isInPlace(file, local)) return false;
    this.#options.onResumed(file.entry.size);
    this.#options.onWritten(file.entry.size, 1);
    return true;
  }

  async #withoutStaged(files: readonly WantedFile[]): Promise<WantedFile[]> {
    const { staging, threads } = this.#options;
    if (!staging.mayHaveFiles || files.length === 0) return [...files];
    const isThere = await threads.call('checkFiles', [staging.files, files.map(stagedFile)]);
    return files.filter((file, index) => {
      if (isThere[index] !== true) return true;
      this.#here(file);
      return false;
    });
  }

  /** What lies elsewhere in a folder that is here: renamed or copied by its publisher. */
  async #withoutCopied(files: readonly WantedFile[], { root, folder }: LocalRoot): Promise<WantedFile[]> {
    const { staging, threads, signal } = this.#options;
    const lacking: WantedFile[] = [];
    for (const file of files) {
      signal.throwIfAborted();
      const [twin] = folder.find(file.entry.fileId);
      const isCopied =
        twin !== undefined &&
        (await threads.call('copyFile', [staging.files, stagedFile(file), `${root}/${twin.path}`]));
      if (isCopied) this.#here(file);
      else lacking.push(file);
    }
    return lacking;
  }

  #here(file: WantedFile): void {
    this.#options.onResumed(file.entry.size);
    this.#options.onWritten(file.entry.size, 1);
    this.#stagedNow(file);
  }

  /** The hash lists of large files, and what of them is on this disk. */
  async #prepareLarge(files: readonly WantedFile[]): Promise<LargeFile[]> {
    const prepared: LargeFile[] = [];
    const rest = files[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (const wanted of rest) {
        const large = await this.#prepareOne(wanted);
        if (large !== undefined) prepared.push(large);
      }
    };
    await Promise.all(Array.from({ length: Math.min(MANIFESTS_AT_ONCE, files.length) }, lane));
    return prepared.toSorted((a, b) => (a.wanted.to < b.wanted.to ? -1 : 1));
  }

  async #prepareOne(wanted: WantedFile): Promise<LargeFile | undefined> {
    const { staging, local, signal } = this.#options;
    const { fileId, size, executable } = wanted.entry;
    const bytes = await this.#fetchManifest(wanted);
    if (bytes === undefined) return undefined;
    const manifest = parseManifest(bytes, fileId, size);
    const look = async (staged: FileHandle): Promise<LargeFile> => {
      const held = await heldChunks(staged, manifest, { signal });
      const known = local?.folder.at(wanted.to);
      if (local !== undefined && known?.hashes !== undefined) {
        const old = { path: `${local.root}/${known.path}`, size: known.size, hashes: known.hashes };
        await reuseChunks(staged, { manifest, held, old, signal });
      }
      const there = bytesOf(held, manifest);
      this.#options.onResumed(there);
      this.#options.onWritten(there, held.isFull ? 1 : 0);
      this.#stagedNow(wanted);
      return { wanted, manifest, held };
    };
    return this.#checking(() => staging.use(wanted.to === '' ? SINGLE : wanted.to, executable, look));
  }

  /** From whichever source has it; undefined when one says that the file is not what was published. */
  async #fetchManifest(wanted: WantedFile): Promise<Uint8Array | undefined> {
    const { sessions, signal } = this.#options;
    const { fileId, size } = wanted.entry;
    for (;;) {
      const session = await sessions.any({ signal }, (one) => one.hasEntry(wanted.index));
      try {
        const bytes = await session.fetchManifest({ file: fileId, size });
        parseManifest(bytes, fileId, size);
        return bytes;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ContentError)
          session.fail(new SourceFault('lied', `sent a manifest that does not belong to ${wanted.entry.path}`));
        else if (!(error instanceof SourceFault)) throw error;
        else if (isWithoutContent(error) && session.hasAllEntries) {
          this.#options.onMissing(wanted);
          return undefined;
        } else session.fail(error);
      }
    }
  }

  async #fetch(small: readonly WantedFile[], large: readonly LargeFile[]): Promise<void> {
    const { sessions, meter, isApart, staging, writer, signal } = this.#options;
    const { onCredit, onWritten, onMissing, arrived, ownPin, swarm } = this.#options;
    using _large = writer.expect(large.reduce((sum, { manifest }) => sum + manifest.size, 0));
    const failed = Promise.withResolvers<never>();
    const intake = new FolderIntake({
      ...{ small, large, isApart, meter, onCredit, onWritten, onMissing, arrived },
      ...{ ownPin, swarm: swarm() },
      sessions: () => sessions,
      writeSmall: (files, bytes) => this.#writeSmall(files, bytes),
      writeChunk: ({ to, entry }, chunk) =>
        staging.use(to === '' ? SINGLE : to, entry.executable, (file) => writer.write(file, chunk)),
      onFailed: failed.reject,
    });
    this.intake = intake;
    const onAbort = (): void => failed.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    failed.promise.catch(() => undefined); // It may come when nobody waits any more.
    sessions.use(intake);
    try {
      signal.throwIfAborted();
      await Promise.race([intake.done, failed.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #writeSmall(files: readonly WantedFile[], bytes: Buffer<ArrayBuffer>): Promise<number[]> {
    if (files.length === 0) return [];
    const { threads, staging } = this.#options;
    faultPoint('files-arrived');
    const wrong = await threads.call(
      'writeFiles',
      [staging.files, files.map(stagedFile), bytes],
      bytes.length > 0 ? [bytes.buffer] : [],
    );
    for (const [index, file] of files.entries()) if (!wrong.includes(index)) this.#stagedNow(file);
    faultPoint('files-written');
    return wrong;
  }

  #stagedNow(file: WantedFile): void {
    this.#options.onStaged(file);
    const name = file.to === '' ? SINGLE : file.to;
    if (file.entry.size > chunkSizeFor(0)) this.#large.push(name);
    else this.#unsynced.push(name);
    if (this.#unsynced.length >= SYNC_BATCH) this.#sync();
  }

  #sync(): void {
    const paths = this.#unsynced;
    this.#unsynced = [];
    const { threads, staging } = this.#options;
    for (let first = 0; first < paths.length; first += SYNC_BATCH) {
      const syncing = threads.call('syncPaths', [staging.files, paths.slice(first, first + SYNC_BATCH)]);
      syncing.catch(() => undefined); // Whoever waits for `synced` hears of it.
      this.#syncs.push(syncing);
    }
  }
}

function bytesOf(held: LargeFile['held'], { size, chunkSize }: LargeFile['manifest']): number {
  const last = held.total - 1;
  return held.size * chunkSize - (last >= 0 && held.has(last) ? held.total * chunkSize - size : 0);
}
