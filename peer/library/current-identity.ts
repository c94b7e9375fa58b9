/** The file at a path as it is now, without opening it. */
import { lstat } from 'node:fs/promises';

import { type FileIdentity, identityOf } from './hashing/file-identity.js';

export async function currentIdentity(path: string): Promise<FileIdentity> {
  return identityOf(await lstat(path, { bigint: true }));
}
