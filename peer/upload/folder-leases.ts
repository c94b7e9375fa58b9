import { ProtocolError } from '../../common/protocol/errors.js';
import type { Lease } from './served-files.js';
import type { SharedFile } from './shared-file.js';
import type { UploadDesk } from './upload-desk.js';

/** Files of a folder that stay open between requests of one connection: a downloader asks for a few large ones at a time. */
const MAX_OPEN = 4;

/** Open files inside the folder of one grant, by content. */
export class FolderLeases implements Disposable {
  readonly #leases = new Map<string, Lease>();
  /** The grant has ended: nobody would give back what is opened from now on. */
  #isOver = false;

  constructor(
    private readonly desk: Pick<UploadDesk, 'lease'>,
    private readonly shared: SharedFile,
  ) {}

  /** @throws {ProtocolError} `not-found` when the folder has no such file, `gone`, `changed`, `checking`; `cancelled` when it is over. */
  async open(fileId: string): Promise<Lease['file']> {
    const known = this.#leases.get(fileId);
    if (known !== undefined && !known.file.isChanged) return known.file;
    this.#drop(fileId);
    const lease = await this.#acquire(fileId);
    if (this.#isOver) {
      lease[Symbol.dispose]();
      throw new ProtocolError('cancelled');
    }
    this.#leases.set(fileId, lease);
    const [oldest] = this.#leases.keys();
    if (this.#leases.size > MAX_OPEN && oldest !== undefined) this.#drop(oldest);
    return lease.file;
  }

  /** The same content may lie at several places of the folder; the first that still has it will do. */
  async #acquire(fileId: string): Promise<Lease> {
    let problem: unknown = new ProtocolError('not-found');
    for (const file of this.shared.folder?.find(fileId) ?? []) {
      try {
        return await this.desk.lease(file);
      } catch (error) {
        problem = error;
      }
    }
    throw problem;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const fileId of [...this.#leases.keys()]) this.#drop(fileId);
  }

  #drop(fileId: string): void {
    this.#leases.get(fileId)?.[Symbol.dispose]();
    this.#leases.delete(fileId);
  }
}
