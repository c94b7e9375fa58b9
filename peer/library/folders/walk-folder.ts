/**
 * Everything in a folder that can be published, in the order of a listing, one directory in memory at a time. Links are not followed.
 * What cannot be published is told and left out. Runs in a thread, so it reads the disk synchronously.
 */
import { type Dirent, readdirSync } from 'node:fs';
import { checkFileName, foldName, MAX_PATH_PARTS } from '../../../common/content/file-name.js';
import { comparePaths } from '../../../common/content/folder-listing.js';

export interface Found {
  /** Inside the folder, parts joined by "/". */
  readonly path: string;
  readonly kind: 'file' | 'empty-directory';
}

export interface WalkOptions {
  /** `path` is left out of the folder, for that reason. */
  readonly onSkipped: (path: string, reason: string) => void;
  /** A directory is entered; `path` is empty for the folder itself. */
  readonly onDirectory?: (path: string) => void;
}

interface Child {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** @throws the system's error when `root` itself cannot be read; a directory inside that cannot is left out. */
export function* walkFolder(root: string, options: WalkOptions): Generator<Found, void, undefined> {
  yield* walk(root, '', { children: childrenOf(root, '', options), depth: 1, options });
}

/** For a first look: what cannot be published is told at the second. */
const QUIET: WalkOptions = { onSkipped: () => undefined };

interface Level {
  readonly children: readonly Child[];
  readonly depth: number;
  readonly options: WalkOptions;
}

function* walk(root: string, prefix: string, { children, depth, options }: Level): Generator<Found, void, undefined> {
  options.onDirectory?.(prefix);
  for (const { path, kind } of inOrder(root, prefix, { children, depth, options })) {
    if (kind === 'file') {
      yield { path, kind };
      continue;
    }
    const inside = tryChildren(root, path, options);
    if (inside === undefined) continue;
    if (kind === 'directory') yield* walk(root, path, { children: inside, depth: depth + 1, options });
    else {
      options.onDirectory?.(path);
      yield { path, kind };
    }
  }
}

interface Entry {
  readonly path: string;
  readonly kind: Found['kind'] | 'directory';
}

/**
 * An empty directory stands at its own path, another at what is in it, behind the slash: so they are looked into first, and read again
 * when it is their turn. To keep what was seen would be to have a million names in memory.
 */
function inOrder(root: string, prefix: string, { children, depth, options }: Level): Entry[] {
  const entries: (Entry & { readonly key: string })[] = [];
  for (const { name, isDirectory } of children) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    if (!isDirectory) {
      entries.push({ path, kind: 'file', key: name });
      continue;
    }
    if (depth >= MAX_PATH_PARTS) {
      options.onSkipped(path, `it lies deeper than ${MAX_PATH_PARTS} directories`);
      continue;
    }
    const isEmpty = tryChildren(root, path, QUIET)?.length === 0;
    entries.push({ path, kind: isEmpty ? 'empty-directory' : 'directory', key: isEmpty ? name : `${name}/` });
  }
  return entries.sort((a, b) => comparePaths(a.key, b.key));
}

function tryChildren(root: string, path: string, options: WalkOptions): Child[] | undefined {
  try {
    return childrenOf(root, path, options);
  } catch (error) {
    options.onSkipped(
      path,
      `it cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'error'})`,
    );
    return undefined;
  }
}

function childrenOf(root: string, prefix: string, { onSkipped }: WalkOptions): Child[] {
  const children: Child[] = [];
  const nameByFold = new Map<string, string>();
  for (const entry of readdirSync(`${root}/${prefix}`, { withFileTypes: true })) {
    const reason = reasonToSkip(entry) ?? clashIn(nameByFold, entry.name);
    if (reason === undefined) children.push({ name: entry.name, isDirectory: entry.isDirectory() });
    else onSkipped(prefix === '' ? entry.name : `${prefix}/${entry.name}`, reason);
  }
  return children;
}

function reasonToSkip(entry: Dirent): string | undefined {
  if (entry.isSymbolicLink()) return 'it is a symbolic link';
  if (!entry.isFile() && !entry.isDirectory()) return 'it is no file and no directory';
  if (entry.name.includes('\ufffd')) return 'its name is not Unicode';
  return checkFileName(entry.name)?.message;
}

function clashIn(nameByFold: Map<string, string>, name: string): string | undefined {
  const fold = foldName(name);
  const other = nameByFold.get(fold);
  if (other !== undefined) return `its name differs from ${other} only in upper and lower case`;
  nameByFold.set(fold, name);
  return undefined;
}
