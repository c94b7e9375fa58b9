/** The paths of a `pub`: patterns resolved, everything absolute. */
import { glob, lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { safeDisplay } from '../../common/content/safe-display.js';
import { PeerError } from '../api.js';
import { expandHome } from './path-text.js';
import type { ShellWord } from './shell-words.js';

export interface PathOptions {
  readonly cwd: string;
  readonly home?: string | undefined;
  readonly signal: AbortSignal;
}

/** A pattern such as a stray `**` must not fill the memory. */
const MAX_MATCHES = 100_000;

/** Absolute paths in the order typed, matches of a pattern sorted. @throws {PeerError} `not-found` for a pattern without a match. */
export async function publishPaths(words: readonly ShellWord[], options: PathOptions): Promise<string[]> {
  const paths: string[] = [];
  for (const { text, isPattern } of words) {
    const expanded = expandHome(text, options.home);
    if (isPattern && !(await isThere(resolve(options.cwd, expanded))))
      paths.push(...(await matches(expanded, options)));
    else paths.push(resolve(options.cwd, expanded));
  }
  return [...new Set(paths)];
}

/** A file called `a[1].txt` is meant when it is there. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false; // Whatever the reason, the pattern is tried instead.
  }
}

/** As in a shell, folders too; of `**`, which goes into folders, the files alone: a folder would bring its files once more. */
async function matches(pattern: string, { cwd, signal }: PathOptions): Promise<string[]> {
  const hasFolders = !pattern.includes('**');
  const found: string[] = [];
  for await (const entry of glob(pattern, { cwd, withFileTypes: true })) {
    signal.throwIfAborted();
    if (entry.isDirectory() && !hasFolders) continue;
    found.push(resolve(entry.parentPath, entry.name));
    if (found.length > MAX_MATCHES) {
      throw new PeerError({
        code: 'too-many',
        message: `${safeDisplay(pattern)} matches more than ${MAX_MATCHES} paths. Name fewer, or the folder that holds them.`,
      });
    }
  }
  if (found.length === 0) {
    const wanted = hasFolders ? 'file or folder' : 'file';
    throw new PeerError({
      code: 'not-found',
      message: `No ${wanted} matches ${safeDisplay(pattern)} in ${safeDisplay(cwd)}. Name one that is there.`,
    });
  }
  return found.sort();
}
