// A small disk of its own for a test, in memory. Only root may mount one.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** False where this user may not mount; the caller skips, else ends it with `unmount`. */
export async function mountTmpfs(folder: string, options: string): Promise<boolean> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
    return true;
  } catch {
    return false;
  }
}

export async function unmount(folder: string): Promise<void> {
  await run('umount', [folder]);
}
