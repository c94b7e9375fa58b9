/** What the last step of a folder download has to move, make and sync, read from its plan. */
import type { FolderPlan } from './folder-plan.js';
import type { LocalFolder } from './local-folder.js';
import type { Replacement } from './place-folder.js';

/** What is not as it should be in a folder that is there: new and changed files, empty directories, rights. */
export async function* replacements(
  plan: FolderPlan,
  local: LocalFolder,
  staged: ReadonlyMap<string, boolean>,
): AsyncGenerator<Replacement, void, undefined> {
  for await (const wave of plan.waves()) {
    for (const { to, entry } of wave) {
      if ('dir' in entry) yield { to, kind: 'directory', executable: false };
      else if (staged.has(to)) yield { to, kind: 'file', executable: entry.executable };
      else if (local.at(to)?.isExecutable !== entry.executable)
        yield { to, kind: 'rights', executable: entry.executable };
    }
  }
}

/** Every directory of what is wanted, the folder itself included. */
export async function directoriesOf(plan: FolderPlan): Promise<string[]> {
  const directories = new Set(['']);
  for await (const wave of plan.waves())
    for (const { to, entry } of wave) addDirectories(directories, to, 'dir' in entry);
  return [...directories];
}

function addDirectories(directories: Set<string>, to: string, isDirectory: boolean): void {
  for (let path = isDirectory ? to : parentOf(to); path !== '' && !directories.has(path); path = parentOf(path))
    directories.add(path);
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
