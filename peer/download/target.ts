import type { BigIntStats } from 'node:fs';
import { lstat, statfs } from 'node:fs/promises';

import { portableProblem, safeJoin } from '../../common/content/file-name.js';
import { formatSize } from '../../common/content/format.js';
import { currentHost } from '../../common/runtime/host.js';
import { PeerError } from '../api.js';
import { errnoOf, fileProblem } from './file-problem.js';

/** Space that is left to others on the disk, bytes. */
const KEPT_FREE_BYTES = 16 * 1024 * 1024;
/** Digits of the fileId in the name of a `.part`: two contents of one name never meet. */
const PART_ID_DIGITS = 16;
/** Longest name on common file systems, bytes; the `.part` has a longer one than the file. */
const MAX_NAME_BYTES = 255;

/** Where a download goes. */
export interface Target {
  readonly directory: string;
  /** The finished file. */
  readonly path: string;
  /** The unfinished one beside it. */
  readonly partPath: string;
}

/** @throws {PeerError} `bad-name` when the name cannot or must not be written here. */
export function targetOf(directory: string, fileName: string, fileId: string): Target {
  const problem = portableProblem(fileName, currentHost().platform);
  if (problem !== undefined)
    throw new PeerError({ code: 'bad-name', message: `${problem.message} Choose another name with --as NAME.` });
  try {
    return {
      directory,
      path: safeJoin(directory, fileName),
      partPath: safeJoin(directory, partName(fileName, fileId)),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PeerError(
      { code: 'bad-name', message: `${reason} Choose another name with --as NAME.` },
      { cause: error },
    );
  }
}

/** `.<final name>.<first 16 of fileId>.part`; of a very long name only the beginning. */
function partName(fileName: string, fileId: string): string {
  const tail = `.${fileId.slice(0, PART_ID_DIGITS)}.part`;
  const room = MAX_NAME_BYTES - '.lock.pid'.length - tail.length - 1;
  let head = fileName;
  while (Buffer.byteLength(head) > room) head = [...head].slice(0, -1).join('');
  return `.${head}${tail}`;
}

/**
 * Refuses what is there already, whatever it is; with `force` only folders. A file that is the `.part` itself (a crash between the last
 * two steps) is no obstacle.
 * @throws {PeerError} `exists`, `is-directory`, `unwritable`.
 */
export async function refuseExisting({ path, partPath }: Target, { force }: { force: boolean }): Promise<void> {
  const there = await lookAt(path);
  if (there === undefined) return;
  if (there.isDirectory() && force)
    throw fileProblem(path, Object.assign(new Error('is a folder'), { code: 'EISDIR' }));
  if (force) return;
  const part = await lookAt(partPath);
  if (part !== undefined && part.ino === there.ino && part.dev === there.dev) return;
  throw fileProblem(path, Object.assign(new Error('is there'), { code: 'EEXIST' }));
}

/** What is at `path` itself, links not followed; undefined when nothing is. */
export async function lookAt(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileProblem(path, error);
  }
}

/** @throws {PeerError} `disk-full` before a byte moves when `bytes` more would not leave 16 MiB free. */
export async function refuseTooLarge({ directory, path }: Target, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory).catch((error: unknown) => {
    throw fileProblem(path, error);
  });
  const room = bavail * bsize - KEPT_FREE_BYTES;
  if (bytes === 0 || bytes <= room) return;
  const message =
    `${path} needs ${formatSize(bytes)} more. This disk has ${formatSize(bavail * bsize)} free, of which ${formatSize(KEPT_FREE_BYTES)} ` +
    'stay free for others. Free some space, or choose another folder with --downloads.';
  throw new PeerError({ code: 'disk-full', message });
}
