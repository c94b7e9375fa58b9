import type { Dirent } from 'node:fs';
import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { type FolderPlan, isWantedFile } from './folder-plan.js';
import { modeFor, SINGLE } from './stage-files.js';
import type { Staging } from './staging.js';

/**
 * Removes from the staging folder what an earlier run or revision left there and `plan` has not, or has as another kind: all that is in
 * it becomes the folder. What stays gets the rights that it has now; its content is judged later.
 * @throws {PeerError} `unwritable`; the system's error.
 */
export async function pruneStaged(staging: Staging, plan: FolderPlan): Promise<void> {
  await staging.closeFiles();
  const { files, directories } = await pathsOf(plan);
  const isWanted = (path: string, entry: Dirent): boolean =>
    entry.isDirectory() ? directories.has(path) : entry.isFile() && files.has(path);
  const prune = async (directory: string): Promise<void> => {
    await staging.requireOwn();
    for (const entry of await readdir(join(staging.files, directory), { withFileTypes: true })) {
      const [path, place] = [`${directory}${entry.name}`, join(staging.files, directory, entry.name)];
      await staging.requireOwn();
      if (!isWanted(path, entry)) await rm(place, { recursive: true });
      else if (entry.isDirectory()) await prune(`${path}/`);
      else await setRights(place, files.get(path) === true);
    }
  };
  await prune('');
}

async function setRights(place: string, isExecutable: boolean): Promise<void> {
  const { mode } = await lstat(place);
  const wanted = modeFor(mode, isExecutable);
  if ((mode & 0o777) !== wanted) await chmod(place, wanted);
}

/** Whether each file is executable, and all directories. */
async function pathsOf(plan: FolderPlan): Promise<{ files: Map<string, boolean>; directories: Set<string> }> {
  const files = new Map<string, boolean>();
  const directories = new Set<string>();
  for await (const wave of plan.waves())
    for (const wanted of wave) {
      const { to } = wanted;
      if (isWantedFile(wanted)) files.set(to === '' ? SINGLE : to, wanted.entry.executable);
      else directories.add(to);
      for (let end = to.lastIndexOf('/'); end > 0; end = to.lastIndexOf('/', end - 1)) {
        if (directories.has(to.slice(0, end))) break;
        directories.add(to.slice(0, end));
      }
    }
  return { files, directories };
}
