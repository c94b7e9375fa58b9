/**
 * The folder beside the target in which a folder grows until it is whole: `.NAME.<publication or choice>.part`, 0700, with the listing and the
 * files so far. What an earlier run left is used again, also of an earlier revision: every file is proven before it counts.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rm, rmdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';

import { blake3 } from '../../../common/content/blake3.js';
import { PeerError } from '../../api.js';
import type { DownloadRequest } from '../download-request.js';
import { errnoOf, fileProblem } from '../file-problem.js';
import { lockPart, type PartLock } from '../part-lock.js';
import { lookAt, type Target, targetOf } from '../target.js';
import { SINGLE } from './stage-files.js';

const WRITE_FLAGS = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
/** Large files that are open at once. */
const MAX_OPEN = 16;

/**
 * Where a folder, or some of it, goes. All that is staged becomes what was asked for, so each choice has a place of its own: a narrower
 * one would remove what a wider one, stopped before its end, had staged.
 * @throws {PeerError} `bad-name`.
 */
export function folderTargetOf({ directory, fileName, publicationId, inside }: DownloadRequest): Target {
  if (inside === undefined) return targetOf(directory, fileName, publicationId);
  const choice = blake3(Buffer.from(`${publicationId}/${inside}`));
  return targetOf(directory, fileName, Buffer.from(choice).toString('hex'));
}

export class Staging implements AsyncDisposable {
  /** Open large files, least recently used first. */
  readonly #open = new Map<string, Promise<FileHandle>>();
  readonly #busy = new Map<string, number>();
  #isFinished = false;

  /** Files of an earlier run or revision may be in it. */
  mayHaveFiles: boolean;

  private constructor(
    readonly target: Target,
    private readonly lock: PartLock,
    private readonly folders: readonly OwnFolder[],
    isNew: boolean,
  ) {
    this.mayHaveFiles = !isNew;
  }

  /** @throws {PeerError} `in-use`, `unwritable`, `disk-full`. */
  static async open(target: Target): Promise<Staging> {
    const lock = lockPart(target.partPath, target.path);
    try {
      const isNew = await makeOwn(target);
      const files = join(target.partPath, 'files');
      await mkdir(files, { recursive: true });
      return new Staging(target, lock, [await ownFolder(target.partPath), await ownFolder(files)], isNew);
    } catch (error) {
      lock[Symbol.dispose]();
      throw fileProblem(target.path, error);
    }
  }

  /** What is left of a folder that became its target just before a crash: nobody else would come for it. */
  static async clearFinished(target: Target): Promise<void> {
    if ((await lookAt(target.partPath))?.isDirectory() !== true || !(await isPlaced(target))) return;
    using _lock = lockPart(target.partPath, target.path);
    // It may have been begun anew until it was ours.
    if (await isPlaced(target)) await rm(target.partPath, { recursive: true, force: true });
  }

  /** Who may write to the folder around it can put another in its place. @throws {PeerError} `unwritable`. */
  async requireOwn(): Promise<void> {
    for (const { path, ino, dev } of this.folders) {
      const now = await lstat(path, { bigint: true });
      if (now.isDirectory() && now.ino === ino && now.dev === dev) continue;
      throw new PeerError({
        code: 'unwritable',
        message: `${this.target.path} could not be written: somebody has put something else in the place of ${path}. Look who may write there, and get the folder again.`,
      });
    }
  }

  /** Where the files grow. */
  get files(): string {
    return join(this.target.partPath, 'files');
  }

  /** The listing of a content. */
  listing(folderId: string): Target {
    const directory = this.target.partPath;
    const name = folderId.slice(0, 32);
    return { directory, path: join(directory, `${name}.list`), partPath: join(directory, `${name}.list.part`) };
  }

  /** A large file of it, made when it is not there; `write` and `read` until `close`. */
  async use<T>(to: string, executable: boolean, run: (file: FileHandle) => Promise<T>): Promise<T> {
    this.#busy.set(to, (this.#busy.get(to) ?? 0) + 1);
    try {
      return await run(await this.#handle(to, executable));
    } finally {
      const left = (this.#busy.get(to) ?? 1) - 1;
      if (left > 0) this.#busy.set(to, left);
      else this.#busy.delete(to);
    }
  }

  /** Closes large files; what was written is not on the disk by that. */
  async closeFiles(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(all.map(async (handle) => (await handle).close()));
  }

  /** It has become the target: what is left of it goes. */
  async finish(): Promise<void> {
    this.#isFinished = true;
    await rm(this.target.partPath, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.closeFiles();
      if (!this.#isFinished) await this.#removeWhenEmpty();
    } finally {
      this.lock[Symbol.dispose]();
    }
  }

  /** Nothing was fetched: it would only be in the way. */
  async #removeWhenEmpty(): Promise<void> {
    try {
      await rmdir(this.files);
      await rm(this.target.partPath, { recursive: true, force: true });
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'].includes(errnoOf(error)))
        throw fileProblem(this.target.path, error);
    }
  }

  #handle(to: string, executable: boolean): Promise<FileHandle> {
    const known = this.#open.get(to);
    if (known !== undefined) {
      this.#open.delete(to);
      this.#open.set(to, known);
      return known;
    }
    const handle = this.#openFile(to, executable);
    this.#open.set(to, handle);
    handle.catch(() => this.#open.delete(to));
    for (const [other, opened] of this.#open) {
      if (this.#open.size <= MAX_OPEN) break;
      if (other === to || this.#busy.has(other)) continue;
      this.#open.delete(other);
      opened.then((file) => file.close()).catch(() => undefined); // Its bytes are in the system; syncing opens it again.
    }
    return handle;
  }

  async #openFile(to: string, executable: boolean): Promise<FileHandle> {
    const path = join(this.files, to);
    await mkdir(dirname(path), { recursive: true });
    return open(path, WRITE_FLAGS, executable ? 0o777 : 0o666);
  }
}

/** Whether all that was staged is at its place: a folder was moved there; a file out of one has both names for a moment. */
async function isPlaced({ path, partPath }: Target): Promise<boolean> {
  const files = join(partPath, 'files');
  if ((await lookAt(files)) === undefined) return true;
  const staged = await readdir(files).catch(() => undefined);
  if (staged === undefined) return false; // It is none of ours.
  if (staged.length === 0) return true;
  const [one, there] = [await lookAt(join(files, SINGLE)), await lookAt(path)];
  return staged.length === 1 && one !== undefined && one.ino === there?.ino && one.dev === there.dev;
}

/** True when it was made. Something else at its name is in the way of nobody but us, and is not touched when it is a folder of others. */
async function makeOwn({ partPath, path }: Target): Promise<boolean> {
  const there = await lookAt(partPath);
  if (there !== undefined && !there.isDirectory()) await rm(partPath);
  if (there?.isDirectory() === true) {
    const isOurs = userInfo().uid < 0 || there.uid === BigInt(userInfo().uid);
    if (isOurs && (there.mode & 0o077n) === 0n) return false;
    throw new PeerError({
      code: 'unwritable',
      message: `${path} could not be written: ${partPath} is in its way and is not private. Remove it and get the folder again.`,
    });
  }
  await mkdir(partPath, { mode: 0o700 });
  const made = await lstat(partPath);
  return made.isDirectory();
}

interface OwnFolder {
  readonly path: string;
  readonly ino: bigint;
  readonly dev: bigint;
}

async function ownFolder(path: string): Promise<OwnFolder> {
  const { ino, dev } = await lstat(path, { bigint: true });
  return { path, ino, dev };
}
