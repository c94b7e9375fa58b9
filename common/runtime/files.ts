import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { homedir, platform, userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

/**
 * Replaces `path` with `data` so that a crash or power loss leaves the old content or the new, never a mixture.
 * Resolves when it is on the disk. The folder must exist.
 */
export async function writeFileDurably(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeNew(temporary, data, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDir(dirname(path));
}

async function writeNew(path: string, data: string | Uint8Array, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode); // wx: a planted file or link at the name is refused, not followed
  await file.chmod(mode); // the umask must not decide who can read a key
  await file.writeFile(data);
  await file.sync();
}

/** Makes names created, renamed or removed in folder `path` durable. */
export async function syncDir(path: string): Promise<void> {
  if (platform() === 'win32') return; // Windows has no handle for this; it logs renames itself
  await using dir = await open(path, 'r');
  await dir.sync();
}

/**
 * Makes the folder `path` and the parents it lacks. Node's own `recursive` never ends where a file system takes no folders and says that
 * there is none (/proc); this throws what the file system said.
 */
export async function makeFolders(path: string, mode = 0o777): Promise<void> {
  const first = await tryMakeFolder(path, mode);
  if (first === undefined) return;
  const parent = dirname(path);
  if (errnoOf(first) !== 'ENOENT' || parent === path) throw first;
  if (!(await isThere(parent))) await makeFolders(parent, mode);
  // Also where the parent is there: somebody else may have made it since.
  const second = await tryMakeFolder(path, mode);
  if (second !== undefined) throw second;
}

/** Returns what stood against it; undefined when the folder is there now. */
async function tryMakeFolder(path: string, mode: number): Promise<unknown> {
  try {
    await mkdir(path, mode);
    return undefined;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') return error;
    return (await stat(path)).isDirectory() ? undefined : error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function errnoOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** A folder cannot be made private. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
  readonly code = 'unsuitable-folder';
}

const OTHERS = 0o077;
const STICKY = 0o1000;

/**
 * Makes the folder `path` with its parents, readable by its owner alone (0700). An existing folder of ours is tightened.
 * @throws {FolderError} when it belongs to someone else, or is a shared place such as /tmp or the home folder.
 */
export async function ensurePrivateDir(path: string): Promise<void> {
  await makeFolders(path, 0o700);
  if (platform() === 'win32') return; // access lists are inherited from the user's profile there
  const { mode, uid } = await stat(path);
  if (uid !== userInfo().uid) throw unsuitable(path, 'belongs to another user');
  if ((mode & OTHERS) === 0) return;
  if ((mode & STICKY) !== 0 || isCommonPlace(path)) throw unsuitable(path, 'is a shared folder');
  await chmod(path, 0o700);
}

function isCommonPlace(path: string): boolean {
  return [homedir(), '/'].includes(resolve(path));
}

function unsuitable(path: string, reason: string): FolderError {
  return new FolderError(`${path} ${reason}, so it cannot hold private data. Choose a folder of your own with --data.`);
}
