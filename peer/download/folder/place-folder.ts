/** The last step of a folder download: what is whole and on the disk appears under its name. Nothing that is there already is touched without `force`. */
import { chmod, link, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { syncDir } from '../../../common/runtime/files.js';
import { PeerError } from '../../api.js';
import { faultPoint } from '../fault-point.js';
import { errnoOf, fileProblem } from '../file-problem.js';
import { lockPart } from '../part-lock.js';
import { lookAt, type Target } from '../target.js';
import { modeFor } from './stage-files.js';

/** The file in whose place the folder is put, in the staging folder. */
const REPLACED = 'replaced';

/** A new folder: by one rename; with `force` also where a file is. @throws {PeerError} `exists`, `unwritable`. */
export async function placeNew(
  staged: string,
  { path, directory }: Target,
  { force }: { readonly force: boolean },
): Promise<void> {
  const place = async (): Promise<void> => {
    faultPoint('folder-before-rename');
    await rename(staged, path); // Something that came this very moment keeps its name, unless it is an empty folder.
    await syncDir(directory);
    faultPoint('folder-after-rename');
  };
  try {
    const aside = join(dirname(staged), REPLACED);
    if (force && (await lookAt(path))?.isFile() === true) return await insteadOfFile(path, aside, place);
    await refuseTaken(path);
    await place();
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
  const aside = join(dirname(staged), 'replaced-inside');
  for await (const { to, kind, executable } of replacements) {
    const path = join(root, to);
    try {
      await makeRealDirectories(root, kind === 'directory' ? `${to}/x` : to, { touched, aside });
      if (kind === 'file') await rename(join(staged, to), path);
      if (kind === 'rights') await chmod(path, modeFor((await lstat(path)).mode, executable));
      touched.add(dirname(path));
      faultPoint('folder-file-placed');
    } catch (error) {
      throw kind === 'file' && errnoOf(error) === 'EISDIR' ? otherKind(path, 'folder') : fileProblem(path, error);
    }
  }
  for (const directory of touched) await syncDir(directory);
}

/** A link among the directories on the way would lead elsewhere: the attacker is whoever else may write to the folder. */
async function makeRealDirectories(
  root: string,
  to: string,
  { touched, aside }: { readonly touched: Set<string>; readonly aside: string },
): Promise<void> {
  const parts = to.split('/').slice(0, -1);
  for (let end = 1; end <= parts.length; end += 1) {
    const path = join(root, ...parts.slice(0, end));
    const there = await lookAt(path);
    if (there?.isDirectory() === true) continue;
    const make = async (): Promise<void> => {
      faultPoint('folder-before-rename');
      await mkdir(path);
    };
    if (there === undefined) await make();
    else if (there.isFile()) await insteadOfFile(path, aside, make);
    else throw otherKind(path, 'link');
    touched.add(dirname(path));
  }
}

/**
 * Has `make` put a folder where a file is, which is gone only when that has worked: meanwhile it lies `aside`, in the staging folder, where
 * the next run finds it.
 */
async function insteadOfFile(path: string, aside: string, make: () => Promise<void>): Promise<void> {
  await rename(path, aside);
  try {
    await make();
  } catch (error) {
    if ((await lookAt(path)) === undefined) await rename(aside, path);
    throw error;
  }
  await rm(aside);
}

/** A crash came between two steps of `placeNew`: the file that was there has its name again until the folder can take it. */
export async function putBack({ path, partPath }: Target): Promise<void> {
  const aside = join(partPath, REPLACED);
  // Through a link in the place of the staging folder it would be a file of somebody else.
  if ((await lookAt(partPath))?.isDirectory() !== true || (await lookAt(aside)) === undefined) return;
  using _lock = lockPart(partPath, path); // Another process may be between these steps.
  if ((await lookAt(path)) === undefined) await rename(aside, path);
}

/** What is at `path` is not to be touched. */
export function inTheWay(path: string, { isFolder, force }: { isFolder: boolean; force: boolean }): PeerError {
  if (!isFolder && !force) return fileProblem(path, taken());
  const [what, next] = isFolder
    ? ['is there already and was not touched', 'Bring it up to date with --force']
    : ['is neither a file nor a folder, and was not touched', 'Move it away'];
  return new PeerError({ code: 'exists', message: `${path} ${what}. ${next}, or choose another name with --as NAME.` });
}

/** A file was asked for. */
export function folderInTheWay(path: string): PeerError {
  return fileProblem(path, Object.assign(new Error('is a folder'), { code: 'EISDIR' }));
}

function otherKind(path: string, there: 'folder' | 'link'): PeerError {
  const [code, here, fetched] =
    there === 'folder'
      ? (['is-directory', 'a folder', 'a file'] as const)
      : (['exists', 'neither a file nor a folder', 'a folder'] as const);
  const message = `${path} is ${here} here and was not touched, but in what is fetched it is ${fetched}. Move it away, and get that again.`;
  return new PeerError({ code, message });
}

async function refuseTaken(path: string): Promise<void> {
  if ((await lookAt(path)) !== undefined) throw fileProblem(path, taken());
}

function taken(): Error {
  return Object.assign(new Error('is there'), { code: 'EEXIST' });
}
