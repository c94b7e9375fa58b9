/**
 * Brings one copy of a depot in line with what is wanted: finds out what is there, fetches what is not, and tells the tracker. A copy
 * counts as damaged only when it was read and is something else; what could not be read is left as it is, and told.
 */
import type { WorkRow } from '../../common/protocol/depot-fields.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { PeerError } from '../api.js';
import type { DownloadRequest } from '../download/download-request.js';
import type { Downloads } from '../download/downloads.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';
import { copyName } from './copy-name.js';
import type { CopyKey, DepotCopies } from './depot-copies.js';
import type { CopyReader } from './read-copy.js';

export interface CopyKeeperOptions {
  /** Bytes that all copies may have together. */
  readonly capacity: number;
  readonly copies: DepotCopies;
  readonly reader: CopyReader;
  /** Of this depot alone; its `.part` files lie among the copies. */
  readonly downloads: Downloads;
  readonly tracker: Pick<TrackerClient, 'request'>;
  notice(level: 'info' | 'warning' | 'error', text: string): void;
}

export class CopyKeeper {
  readonly #options: CopyKeeperOptions;
  /** Copies that are read whatever they look like. */
  readonly #doubted = new Set<string>();

  constructor(options: CopyKeeperOptions) {
    this.#options = options;
  }

  /** Its next check reads the copy. Undefined when there is none. */
  doubt(publicationId: string): WorkRow | undefined {
    const { copies } = this.#options;
    const entry = copies.get(publicationId);
    if (entry === undefined) return undefined;
    this.#doubted.add(publicationId);
    const { fileId, sizeBytes: size, kind, bytes = 0 } = entry;
    const folder = kind === 'folder' ? { kind, bytes } : {};
    return { publicationId, do: 'keep', name: copies.nameOf(entry), owner: '', fileId, size, ...folder };
  }

  /** A copy that the tracker takes for stored. @throws {PeerError} what could not be read. */
  async check(row: WorkRow, { signal }: AbortOptions): Promise<void> {
    // Then the tracker lists it as work.
    await this.say(row, (await this.#isHere(row, { signal })) ? 'all' : 'none', { signal });
  }

  /** Until the copy is durable here and the tracker has heard of it. @throws {PeerError} */
  async store(row: WorkRow, { signal }: AbortOptions): Promise<void> {
    if (!(await this.#isHere(row, { signal }))) await this.#fetch(row, { signal });
    await this.say(row, 'all', { signal });
  }

  /** Nothing is left of it, and the tracker has heard of that. */
  async drop(row: WorkRow, { signal }: AbortOptions): Promise<void> {
    await this.#options.copies.drop(row.publicationId);
    await this.say(row, 'none', { signal });
  }

  async say({ publicationId, fileId }: CopyKey, has: 'all' | 'none' | 'full', { signal }: AbortOptions): Promise<void> {
    await this.#options.tracker.request('stored', { publicationId, fileId, has }, { signal });
  }

  /** Whether it is whole. What was read and is something else has been set aside then. */
  async #isHere(row: WorkRow, { signal }: AbortOptions): Promise<boolean> {
    const { copies, reader, notice } = this.#options;
    const isDoubted = this.#doubted.has(row.publicationId);
    if (!isDoubted && (await copies.isWhole(row))) return true;
    await copies.takeBack(row);
    const path = copies.pathOf(row);
    const content = await reader.read(path, row, { signal });
    this.#doubted.delete(row.publicationId);
    if (content === 'missing') copies.forget(row);
    else if (content !== 'wrong') {
      await copies.record(row, path, content);
      return true;
    } else {
      await copies.setAside(row);
      notice(
        'error',
        `The stored copy of ${copyName(row)} is damaged on this disk: ${path}. It is set aside, and fetched again. Check the disk.`,
      );
    }
    return false;
  }

  async #fetch(row: WorkRow, { signal }: AbortOptions): Promise<void> {
    const { copies, downloads } = this.#options;
    const { publicationId, fileId, size, owner, name } = row;
    await this.#makeRoom(row);
    await this.#requireSource(row, { signal });
    const directory = await copies.folderOf(publicationId);
    const folder = row.kind === 'folder' ? await this.#folderRequest(row) : {};
    const content = { publicationId, fileId, sizeBytes: size, owner, name, ...folder };
    await downloads.get({ ...content, directory, fileName: fileId, force: false }, { signal });
    // Read back from where it will be served: what does not have its id is not stored, whatever wrote it.
    if (await this.#isHere(row, { signal })) return;
    throw new PeerError({
      code: 'integrity',
      message: `${name} was not on the disk as it was written. Check the disk.`,
    });
  }

  /** The tracker reserves room before, but content may have been replaced by larger content since. @throws {PeerError} `disk-full`. */
  async #makeRoom(row: WorkRow): Promise<void> {
    const { copies, capacity } = this.#options;
    const needed = roomFor(row);
    if (copies.usedBytes + needed > capacity)
      throw new PeerError({ code: 'disk-full', message: `There is no room for ${row.name}.` });
    const excess = copies.usedBytes + copies.trash.bytes + needed - capacity;
    if (excess > 0) await copies.trash.freeUp(excess);
  }

  /** Only what its owner said, and was counted, is stored. */
  async #folderRequest(row: WorkRow): Promise<Pick<DownloadRequest, 'kind' | 'totalBytes' | 'mostBytes' | 'reuse'>> {
    const { copies } = this.#options;
    const { bytes = 0 } = row;
    await copies.adoptPart(row);
    const reuse = await copies.reusable(row);
    return { kind: 'folder', totalBytes: bytes, mostBytes: bytes, ...(reuse === undefined ? {} : { reuse }) };
  }

  /** A download waits for sources a while, and others for its place: an owner that is away must not hold them up. */
  async #requireSource({ publicationId, name, owner }: WorkRow, { signal }: AbortOptions): Promise<void> {
    const { sources } = await this.#options.tracker.request('sources', { publicationId, ticket: false }, { signal });
    if (sources.length > 0) return;
    throw new PeerError({
      code: 'no-source',
      message: `${owner}, who has ${name}, is away. It is fetched when they are back.`,
    });
  }
}

/** Bytes that a copy takes. */
export function roomFor({ size, bytes = 0 }: WorkRow): number {
  return size + bytes;
}
