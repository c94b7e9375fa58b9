/** What the tracker is told of an entry of the library, and which paths become folders. */
import { lstat } from 'node:fs/promises';

import type { LibraryEntry } from './library.js';

export function publishEntry({ name, fileId, sizeBytes: size, kind, files, bytes }: LibraryEntry) {
  const totals = files === undefined || bytes === undefined ? {} : { files, bytes };
  return { name, fileId, size, kind, ...totals };
}

export async function isDirectory(path: string): Promise<boolean> {
  return lstat(path).then(
    (stats) => stats.isDirectory(),
    () => false, // Whoever reads it next says what is wrong with it.
  );
}
