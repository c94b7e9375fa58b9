import type { BigIntStats } from 'node:fs';

/** What tells a file from another one and from its own later self. Nanoseconds and whole inodes, so bigint throughout. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  /** Bytes. */
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileIdentity {
  return { dev, ino, size, mtimeNs, ctimeNs };
}

/**
 * How a file stands to what was hashed. `ctime-differs`: its rights or links were changed, or its content in place with the old
 * mtime set again; only reading it can tell. `changed`: another file, size or mtime.
 */
export function compareIdentity(hashed: FileIdentity, now: FileIdentity): 'same' | 'ctime-differs' | 'changed' {
  if (hashed.dev !== now.dev || hashed.ino !== now.ino || hashed.size !== now.size || hashed.mtimeNs !== now.mtimeNs)
    return 'changed';
  return hashed.ctimeNs === now.ctimeNs ? 'same' : 'ctime-differs';
}
