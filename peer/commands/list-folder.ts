import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FolderEntry, type FolderListing, PeerError } from '../api.js';

/** The unfinished file of a download: not there yet for people. */
const PART_NAME = /^\..+\.part$/;
/** More nobody reads, and each costs a look. */
const MAX_ENTRIES = 10_000;

/** What lies in a folder, by name, folders first. @throws {PeerError} `not-found`, `unreadable`. */
export async function listFolder(directory: string): Promise<FolderListing> {
  const names = (await namesIn(directory)).filter((name) => !PART_NAME.test(name)).sort();
  const entries: FolderEntry[] = [];
  for (const name of names.slice(0, MAX_ENTRIES)) {
    const entry = await entryOf(directory, name);
    if (entry !== undefined) entries.push(entry);
  }
  return { directory, entries: entries.sort((a, b) => Number(b.isFolder) - Number(a.isFolder)) };
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = isMissing
      ? `There is no folder ${directory}. Choose another with dir.`
      : `Cannot read the folder ${directory}: ${reason}`;
    throw new PeerError({ code: isMissing ? 'not-found' : 'unreadable', message }, { cause });
  }
}

/** Undefined for what is gone again, or a link that leads nowhere. */
async function entryOf(directory: string, name: string): Promise<FolderEntry | undefined> {
  try {
    const stats = await stat(join(directory, name));
    const isFolder = stats.isDirectory();
    return { name, sizeBytes: isFolder ? 0 : stats.size, modifiedAt: Math.round(stats.mtimeMs), isFolder };
  } catch {
    return undefined;
  }
}
