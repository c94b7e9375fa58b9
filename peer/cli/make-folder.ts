import { mkdir } from 'node:fs/promises';
import { PeerError } from '../api.js';

/** Makes the folder `path`, its parents too, where it is missing. @throws {PeerError} `unwritable`. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PeerError({ code: 'unwritable', message: `Cannot make the folder ${path}: ${reason}` }, { cause });
  }
}
