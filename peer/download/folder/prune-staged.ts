import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { FolderFile } from '../../../common/content/folder-listing.js';
import { STAT_BLOCK_BYTES } from '../part-file.js';
import { type FolderPlan, isWantedFile } from './folder-plan.js';
import { modeFor, SINGLE } from './stage-files.js';
import type { Staging } from './staging.js';

/**
 * Removes from the staging folder what an earlier run or revision left there and `plan` has not, or has as another kind: all that is in
 * it becomes the folder. What stays gets the rights that it has now; its content is judged later. Returns how much of the room that is
 * needed it takes already, bytes.
 * @throws {PeerError} `unwritable`; the system's error.
 */
export async function pruneStaged(staging: Staging, plan: FolderPlan): Promise<number> {
  await staging.closeFiles();
  const { files, directories } = await pathsOf(plan);
  let keptBytes = 0;
  const prune = async (directory: string): Promise<void> => {
    await staging.requireOwn();
    for (const entry of await readdir(join(staging.files, directory), { withFileTypes: true })) {
      const [path, place] = [`${directory}${entry.name}`, join(staging.files, directory, entry.name)];
      await staging.requireOwn();
      const file = files.get(path);
      if (entry.isDirectory() && directories.has(path)) await prune(`${path}/`);
      else if (entry.isFile() && file !== undefined) keptBytes += await keep(place, file);
      else await rm(place, { recursive: true });
    }
  };
  await prune('');
  return keptBytes;
}

type Kept = Pick<FolderFile, 'executable' | 'size'>;

/** A file with holes takes less than its size; one that was longer before gives back what is too much. */
async function keep(place: string, { executable, size }: Kept): Promise<number> {
  const { mode, blocks } = await lstat(place);
  const wanted = modeFor(mode, executable);
  if ((mode & 0o777) !== wanted) await chmod(place, wanted);
  return Math.min(size, blocks * STAT_BLOCK_BYTES);
}

/** All files, and all directories. */
async function pathsOf(plan: FolderPlan): Promise<{ files: Map<string, Kept>; directories: Set<string> }> {
  const files = new Map<string, Kept>();
  const directories = new Set<string>();
  for await (const wave of plan.waves())
    for (const wanted of wave) {
      const { to } = wanted;
      if (isWantedFile(wanted)) {
        const { executable, size } = wanted.entry;
        files.set(to === '' ? SINGLE : to, { executable, size });
      } else directories.add(to);
      for (let end = to.lastIndexOf('/'); end > 0; end = to.lastIndexOf('/', end - 1)) {
        if (directories.has(to.slice(0, end))) break;
        directories.add(to.slice(0, end));
      }
    }
  return { files, directories };
}
