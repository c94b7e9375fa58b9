import { lstat } from 'node:fs/promises';

import { identityOf } from '../library/hashing/file-identity.js';
import { ServedFile } from './served-file.js';
import type { SharedFile } from './shared-file.js';

interface Entry {
  users: number;
  readonly opening: Promise<ServedFile>;
}

/** One user's share of an open file; give it back with `dispose`. */
export interface Lease extends Disposable {
  readonly file: ServedFile;
}

/** Keeps each served file open once, however many fetch it: a thousand downloaders cost one descriptor. */
export class ServedFiles {
  readonly #entries = new Map<string, Entry>();

  /** Files that are open now. */
  get size(): number {
    return this.#entries.size;
  }

  /** @throws {ProtocolError} `gone`, `changed`, `checking`. */
  async acquire(shared: SharedFile): Promise<Lease> {
    const key = `${shared.publicationId} ${shared.fileId} ${shared.path}`;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      // Held while it is looked at: its last user may leave meanwhile.
      const lease = await this.#lease(key, known);
      if (!(await isStale(lease.file, shared))) return lease;
      lease[Symbol.dispose]();
      if (this.#entries.get(key) === known) this.#entries.delete(key);
    }
    const entry = this.#entries.get(key) ?? { users: 0, opening: ServedFile.open(shared) };
    this.#entries.set(key, entry);
    return this.#lease(key, entry);
  }

  async #lease(key: string, entry: Entry): Promise<Lease> {
    entry.users += 1;
    try {
      const file = await entry.opening;
      let isHeld = true;
      return {
        file,
        [Symbol.dispose]: () => {
          if (isHeld) this.#release(key, entry);
          isHeld = false;
        },
      };
    } catch (error) {
      this.#release(key, entry);
      throw error;
    }
  }

  #release(key: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    // Closing a file that was only read cannot lose anything; one that was never opened has nothing to close.
    entry.opening.then((file) => file.close()).catch(() => undefined);
  }
}

/** Who comes new gets the file that is there now: an open descriptor would go on with one that was replaced or removed. */
async function isStale(file: ServedFile, shared: SharedFile): Promise<boolean> {
  // Of a former content nothing else is to come: as long as somebody has it open it is as good as ever.
  if (shared.isFormer === true) return file.isChanged;
  if (file.isChanged || file.shared.identity?.ctimeNs !== shared.identity?.ctimeNs) return true;
  if (shared.identity === undefined) return false;
  try {
    const now = identityOf(await lstat(shared.path, { bigint: true }));
    return now.ino !== shared.identity.ino || now.dev !== shared.identity.dev;
  } catch {
    return true; // Opening it again says what is wrong.
  }
}
