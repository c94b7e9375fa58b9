/** The last step of a folder download: what is whole and on the disk appears under its name. Nothing that is there already is touched without `force`. */
import { chmod, link, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { syncDir } from '../../../common/runtime/files.js';
import { PeerError } from '../../api.js';
import { faultPoint } from '../fault-point.js';
import { errnoOf, fileProblem } from '../file-problem.js';
import { lookAt, type Target } from '../target.js';
import { modeFor } from './stage-files.js';

/** A new folder: by one rename. @throws {PeerError} `exists`, `unwritable`. */
export async function placeNew(staged: string, { path, directory }: Target): Promise<void> {
  await refuseTaken(path);
  try {
    faultPoint('folder-before-rename');
    await rename(staged, path); // Something that came this very moment keeps its name, unless it is an empty folder.
    await syncDir(directory);
    faultPoint('folder-after-rename');
  } catch (error) {
    throw fileProblem(path, errnoOf(error) === 'ENOTEMPTY' ? taken() : error);
  }
}

/** One file out of a folder. */
export async function placeFile(
  staged: string,
  { path, directory }: Target,
  { force }: { readonly force: boolean },
): Promise<void> {
  try {
    if (force) await rename(staged, path);
    else {
      await link(staged, path).catch(async (error: unknown) => {
        if (errnoOf(error) === 'EEXIST') throw error;
        await refuseTaken(path); // A disk without links.
        await rename(staged, path);
      });
      await rm(staged, { force: true });
    }
    await syncDir(directory);
  } catch (error) {
    throw fileProblem(path, error);
  }
}

export interface Replacement {
  /** Inside the folder. */
  readonly to: string;
  readonly kind: 'file' | 'directory' | 'rights';
  readonly executable: boolean;
}

/** Brings a folder that is there up to date, file by file, each by one rename. @throws {PeerError} */
export async function placeInto(staged: string, root: string, replacements: AsyncIterable<Replacement>): Promise<void> {
  const touched = new Set<string>();
  for await (const { to, kind, executable } of replacements) {
    const path = join(root, to);
    try {
      await makeRealDirectories(root, kind === 'directory' ? `${to}/x` : to, touched);
      if (kind === 'file') await rename(join(staged, to), path);
      if (kind === 'rights') await chmod(path, modeFor((await lstat(path)).mode, executable));
      touched.add(dirname(path));
      faultPoint('folder-file-placed');
    } catch (error) {
      throw fileProblem(path, error);
    }
  }
  for (const directory of touched) await syncDir(directory);
}

/** A link among the directories on the way would lead elsewhere: the attacker is whoever else may write to the folder. */
async function makeRealDirectories(root: string, to: string, touched: Set<string>): Promise<void> {
  const parts = to.split('/').slice(0, -1);
  for (let end = 1; end <= parts.length; end += 1) {
    const path = join(root, ...parts.slice(0, end));
    const there = await lookAt(path);
    if (there === undefined) {
      await mkdir(path);
      touched.add(dirname(path));
    } else if (!there.isDirectory()) throw noFolder(path);
  }
}

/** Something of another kind, or that is not to be touched, has the name already. */
export function inTheWay(path: string, there: 'file' | 'folder'): PeerError {
  return fileProblem(path, there === 'file' ? taken() : Object.assign(new Error('is a folder'), { code: 'EISDIR' }));
}

function noFolder(path: string): PeerError {
  const message = `${path} is no folder here and was not touched, but in what is fetched it is one. Move it away, and get that again.`;
  return new PeerError({ code: 'exists', message });
}

async function refuseTaken(path: string): Promise<void> {
  if ((await lookAt(path)) !== undefined) throw fileProblem(path, taken());
}

function taken(): Error {
  return Object.assign(new Error('is there'), { code: 'EEXIST' });
}
