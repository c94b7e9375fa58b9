/** Reads and hashes one file in a thread, without the pool: for files that are read faster than they can be handed over. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';

import type { FileId } from '../../../common/content/file-id.js';
import { compareIdentity, type FileIdentity, identityOf } from '../hashing/file-identity.js';
import { hashOpenFile } from '../hashing/hash-open-file.js';

export const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

export interface SmallHashed {
  readonly fileId: FileId;
  readonly hashes: Uint8Array;
  readonly identity: FileIdentity;
}

/** Undefined when it was changed meanwhile, or is no file any more. @throws the system's error. */
export function hashSmall(path: string): SmallHashed | undefined {
  const fd = openSync(path, READ_FLAGS);
  try {
    const stats = fstatSync(fd, { bigint: true });
    const identity = identityOf(stats);
    const hashed = stats.isFile() ? hashOpenFile(fd, Number(identity.size)) : undefined;
    if (hashed === undefined) return undefined;
    const isSame = compareIdentity(identity, identityOf(fstatSync(fd, { bigint: true }))) === 'same';
    return isSame ? { ...hashed, identity } : undefined;
  } finally {
    closeSync(fd);
  }
}
