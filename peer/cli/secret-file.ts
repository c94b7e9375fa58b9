import { readFile } from 'node:fs/promises';
import { PeerError } from '../api.js';

/** The first line of a file that holds a secret; `what` is `password` or `passcode`. @throws {PeerError} `unreadable`, `usage`. */
export async function readSecretFile(path: string, what: string): Promise<string> {
  const [line = ''] = (await read(path, what)).split(/\r?\n/, 1);
  if (line !== '') return line;
  throw new PeerError({
    code: 'usage',
    message: `The ${what} file ${path} has an empty first line; the ${what} is expected there.`,
  });
}

async function read(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PeerError({ code: 'unreadable', message: `Cannot read the ${what} file ${path}: ${reason}` }, { cause });
  }
}
