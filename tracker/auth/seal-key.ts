import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isBase64url } from '../../common/protocol/base64url.js';
import { writeFileDurably } from '../../common/runtime/files.js';

const KEY_BYTES = 32;

/**
 * The key of all resume tokens, in the file `path` as base64url of 32 bytes; made there (0600) when there is none and `mayCreate`.
 * @throws {Error} when it cannot be read or is no key.
 */
export async function loadSealKey(path: string, { mayCreate }: { readonly mayCreate: boolean }): Promise<Buffer> {
  const text = await readText(path, mayCreate);
  if (text === undefined) {
    const key = randomBytes(KEY_BYTES);
    await writeFileDurably(path, `${key.toString('base64url')}\n`, 0o600);
    return key;
  }
  if (!isBase64url(text.trim(), KEY_BYTES)) {
    throw new Error(`${path} holds no seal key. It must be one line: 32 random bytes as base64url without padding.`);
  }
  return Buffer.from(text.trim(), 'base64url');
}

async function readText(path: string, mayCreate: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && mayCreate) return undefined;
    throw new Error(`the seal key ${path} cannot be read (${code}). Check the path and who owns the file.`, {
      cause: error,
    });
  }
}
