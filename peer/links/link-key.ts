import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { writeFileDurably } from '../../common/runtime/files.js';

const KEY_BYTES = 32;

/** The key that this peer's links are sealed with, 32 bytes in a file for its owner alone; made on first use. It never leaves. */
export async function loadOrCreateLinkKey(path: string): Promise<Buffer> {
  try {
    const key = await readFile(path);
    if (key.length !== KEY_BYTES)
      throw new Error(`${path} is no link key. Move it away to get a new one; links made before will end.`);
    return key;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const made = randomBytes(KEY_BYTES);
  await writeFileDurably(path, made, 0o600);
  return made;
}
