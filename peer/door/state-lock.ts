import { join } from 'node:path';
import { ensurePrivateDir } from '../../common/runtime/files.js';
import { acquireLock, LockedError } from '../../common/runtime/process-lock.js';
import { PeerError } from '../api.js';

/**
 * The right to run the peer whose state lies in `stateDir`; `undefined` while another process, or another part of this one, has it.
 * It ends with the process, however that ends. @throws {PeerError} `unwritable` when the folder is of no use.
 */
export async function tryLockState(dataDir: string, stateDir: string): Promise<Disposable | undefined> {
  try {
    await ensurePrivateDir(dataDir);
    await ensurePrivateDir(stateDir);
    return acquireLock(join(stateDir, 'lock'), { what: `the peer in ${stateDir}` });
  } catch (cause) {
    if (cause instanceof LockedError) return undefined;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PeerError({ code: 'unwritable', message: `Cannot use ${stateDir}: ${reason}` }, { cause });
  }
}
