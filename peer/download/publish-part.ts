import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { syncDir } from '../../common/runtime/files.js';
import { PeerError } from '../api.js';
import { faultPoint } from './fault-point.js';
import { errnoOf, fileProblem } from './file-problem.js';
import { lookAt, type Target } from './target.js';

/** What a file system that knows no hard links, or no more of this file, answers. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']);

export interface PublishOptions {
  readonly force: boolean;
  /** Bytes the finished file must have. */
  readonly size: number;
  /** Rights the finished file gets; the `.part` is its owner's alone. */
  readonly mode: number;
}

/**
 * Turns the written `.part` into the finished file: content to the disk, then the name, then the folder to the disk.
 * @throws {PeerError}; after an error of fsync the `.part` is gone: the system may have dropped what it could not write, and would
 * read it back as if it were there.
 */
export async function publishPart(
  target: Target,
  handle: FileHandle,
  { force, size, mode }: PublishOptions,
): Promise<void> {
  try {
    await settleContent(target, handle, { size, mode });
    if (force) await replace(target);
    else await appear(target);
    await syncDir(dirname(target.path));
    faultPoint('after-dir-fsync');
  } catch (error) {
    throw fileProblem(target.path, error);
  }
}

async function settleContent(
  { path, partPath }: Target,
  handle: FileHandle,
  { size, mode }: { size: number; mode: number },
): Promise<void> {
  const [open, named] = [await handle.stat({ bigint: true }), await lookAt(partPath)];
  if (named === undefined || named.ino !== open.ino || named.dev !== open.dev || open.size !== BigInt(size)) {
    throw new PeerError({
      code: 'unwritable',
      message: `${path} could not be finished: its .part file was changed from outside. Get it again.`,
    });
  }
  await handle.chmod(mode);
  faultPoint('before-fsync');
  try {
    await handle.sync();
  } catch (error) {
    await rm(partPath, { force: true });
    throw error;
  }
  faultPoint('after-fsync');
}

/** By a link, which fails when the name is taken, whatever takes it and whenever it came. */
async function appear({ path, partPath }: Target): Promise<void> {
  try {
    await link(partPath, path);
  } catch (error) {
    if (NO_LINKS.has(errnoOf(error))) return appearByRename({ path, partPath });
    if (errnoOf(error) !== 'EEXIST' || !(await isSameFile(path, partPath))) throw error;
  }
  faultPoint('after-link');
  await rm(partPath);
  faultPoint('after-unlink');
}

/** An exclusive empty file keeps the name for us; the rename then replaces only that. */
async function appearByRename({ path, partPath }: Pick<Target, 'path' | 'partPath'>): Promise<void> {
  const placeholder = await open(path, 'wx', 0o600);
  await placeholder.close();
  faultPoint('after-placeholder');
  try {
    await rename(partPath, path);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  faultPoint('after-unlink');
}

async function replace({ path, partPath }: Target): Promise<void> {
  // A rename between two names of one file does nothing and leaves both.
  if (await isSameFile(path, partPath)) await rm(partPath);
  else await rename(partPath, path);
  faultPoint('after-unlink');
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = [await lookAt(a), await lookAt(b)];
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev;
}
