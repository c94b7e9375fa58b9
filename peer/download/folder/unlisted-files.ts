/** Files in a folder that was brought up to date, of which its publisher has none: removed there, or put in here by the user. */
import { comparePaths } from '../../../common/content/folder-listing.js';
import type { UnlistedFiles } from '../../api.js';
import type { FolderPlan } from './folder-plan.js';
import type { LocalFolder } from './local-folder.js';

/** The first ones say what it is about; a list would push everything else off the screen. */
const NAMED = 5;

/** Compares two sorted lists as they are read: a folder may have a million files. Undefined when there are none. */
export async function unlistedFiles(plan: FolderPlan, local: LocalFolder): Promise<UnlistedFiles | undefined> {
  const paths: string[] = [];
  let count = 0;
  const note = (path: string): void => {
    count += 1;
    if (paths.length < NAMED) paths.push(path);
  };
  const here = local.files()[Symbol.iterator]();
  try {
    let next = here.next();
    for await (const wave of plan.waves()) {
      for (const { to } of wave) {
        for (; next.done !== true && comparePaths(next.value, to) < 0; next = here.next()) note(next.value);
        if (next.value === to) next = here.next();
      }
    }
    for (; next.done !== true; next = here.next()) note(next.value);
  } finally {
    here.return?.();
  }
  return count === 0 ? undefined : { count, paths };
}
