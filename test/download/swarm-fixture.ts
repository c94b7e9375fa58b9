// A small world for transfer tests: a tracker's key that signs real tickets, peers that listen on real TLS ports and serve real files.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { basename } from 'node:path';

import { chunkSizeFor } from '../../common/content/chunk-size.js';
import type { Manifest } from '../../common/content/manifest.js';
import { toBase64url } from '../../common/protocol/base64url.js';
import { TICKET_LIFE_MS } from '../../common/protocol/limits.js';
import type { ChunkRanges, Ticket } from '../../common/protocol/peer-messages.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { signTicket } from '../../common/wire/ticket.js';
import type { TransferRow } from '../../peer/api.js';
import { ChunkWriter } from '../../peer/download/chunk-writer.js';
import { directly } from '../../peer/download/connector.js';
import { Download, type Provenance } from '../../peer/download/download.js';
import { ratesOf } from '../../peer/download/download-rates.js';
import type { DownloadRequest } from '../../peer/download/download-request.js';
import type { DownloadTracker, OfferedSource } from '../../peer/download/download-tracker.js';
import { Downloads, type DownloadsOptions } from '../../peer/download/downloads.js';
import { SourceHistory } from '../../peer/download/source-history.js';
import { dialPeer } from '../../peer/file-port/dial-peer.js';
import { FilePort } from '../../peer/file-port/file-port.js';
import type { PeerConnection } from '../../peer/file-port/peer-connection.js';
import { FileHasher, type HashedFile } from '../../peer/library/hashing/hash-file.js';
import { RateShares } from '../../peer/rates/rate-shares.js';
import { joinSharedFiles, type SharedFile, type SharedFiles } from '../../peer/upload/shared-file.js';
import { TicketGate } from '../../peer/upload/ticket-gate.js';
import { Uploads, type UploadsOptions } from '../../peer/upload/uploads.js';
import { type TempDir, tempDir, writeRandomFile } from '../support/temp.js';

export interface Publication {
  readonly publicationId: string;
  readonly fileId: string;
  readonly size: number;
  readonly name: string;
  readonly path: string;
  readonly hashed: HashedFile;
}

/** One peer with a file port. `files` is what it serves. */
export interface TestPeer {
  readonly user: string;
  readonly identity: Identity;
  readonly port: FilePort;
  readonly uploads: Uploads;
  readonly files: Map<string, SharedFile>;
  readonly changed: string[];
  offer(): OfferedSource;
  stop(): Promise<void>;
}

export class World implements AsyncDisposable {
  readonly revoked = new Set<string>();
  /** Who the tracker lists, by publication. */
  readonly sources = new Map<string, OfferedSource[]>();
  readonly asked: { ticket: boolean }[] = [];
  readonly holds: string[] = [];
  readonly #stops: (() => Promise<void>)[] = [];
  trackerOffsetMs = 0;
  /** While set, the tracker answers with this error. */
  trackerError: Error | undefined;

  private constructor(
    readonly dir: TempDir,
    readonly tracker: Identity,
  ) {}

  static async open({ ram = false }: { ram?: boolean } = {}): Promise<World> {
    const dir = await tempDir({ ram });
    return new World(dir, await loadOrCreateIdentity(dir.join('tracker.pem'), { commonName: 'tracker' }));
  }

  identity(name: string): Promise<Identity> {
    return loadOrCreateIdentity(this.dir.join(`${name}.pem`), { commonName: name });
  }

  /** A file of `size` seeded bytes under the name `name` in `folder`, hashed as the library does it. */
  async publish(name: string, size: number, { seed = 1, folder = 'shared' } = {}): Promise<Publication> {
    await mkdir(this.dir.join(folder), { recursive: true });
    const path = this.dir.join(folder, name);
    await writeRandomFile(path, size, seed);
    return this.publishFile(path);
  }

  async publishFile(path: string): Promise<Publication> {
    await using hasher = new FileHasher({ threads: 1 });
    const hashed = await hasher.hash(path, { signal: AbortSignal.timeout(60_000) });
    const publicationId = toBase64url(randomBytes(16)).slice(0, 21);
    return { publicationId, fileId: hashed.fileId, size: hashed.size, name: basename(path), path, hashed };
  }

  async peer(
    user: string,
    publications: readonly Publication[] = [],
    {
      uploadLimitBytesPerSecond: total,
      ...options
    }: Partial<UploadsOptions> & { uploadLimitBytesPerSecond?: number } = {},
  ): Promise<TestPeer> {
    const identity = await this.identity(user);
    const files = new Map<string, SharedFile>();
    const changed: string[] = [];
    const shared: SharedFiles = {
      find: (publicationId, fileId) =>
        [...files.values()].find((file) => file.publicationId === publicationId && file.fileId === fileId),
      findFile: (fileId) => [...files.values()].find((file) => file.fileId === fileId),
    };
    const tickets = new TicketGate({
      trackerSpki: this.tracker.spki,
      trackerNow: () => Date.now() + this.trackerOffsetMs,
      revocations: {
        isRevoked: (ticket: Ticket) => this.revoked.has(ticket.ticketId) || this.revoked.has(ticket.user),
      },
    });
    const uploads = new Uploads({
      files: options.files === undefined ? shared : joinSharedFiles(shared, options.files),
      tickets,
      onChanged: (publicationId) => changed.push(publicationId),
      limits: { total },
      ...omitFiles(options),
    });
    const port = await FilePort.listen({
      identity,
      host: '127.0.0.1',
      port: 0,
      onPeer: (connection) => uploads.accept(connection),
    });
    const stop = async (): Promise<void> => {
      await uploads.stop();
      await port.stop();
    };
    this.#stops.push(stop);
    const peer: TestPeer = {
      user,
      identity,
      port,
      uploads,
      files,
      changed,
      stop,
      offer: () => ({ user, device: identity.pin, has: 'all', addresses: [{ host: '127.0.0.1', port: port.port }] }),
    };
    for (const publication of publications) {
      files.set(publication.publicationId, sharedFile(publication));
      this.list(publication, peer.offer());
    }
    return peer;
  }

  list(publication: Publication, ...offers: OfferedSource[]): void {
    this.sources.set(publication.publicationId, [...(this.sources.get(publication.publicationId) ?? []), ...offers]);
  }

  ticketFor(publication: Publication, device: string, changes: Partial<Ticket> = {}): string {
    const issuedAt = Date.now() + this.trackerOffsetMs;
    return signTicket(
      {
        v: 1,
        ticketId: toBase64url(randomBytes(16)).slice(0, 21),
        publicationId: publication.publicationId,
        fileId: publication.fileId,
        size: publication.size,
        user: 'reader',
        device,
        limits: {},
        issuedAt,
        notAfter: issuedAt + TICKET_LIFE_MS,
        ...changes,
      },
      this.tracker,
    );
  }

  trackerPort(publications: readonly Publication[], device: string, user = 'reader'): DownloadTracker {
    return {
      sources: async (publicationId, { ticket }) => {
        this.asked.push({ ticket });
        if (this.trackerError !== undefined) throw this.trackerError;
        const found = publications.find((publication) => publication.publicationId === publicationId);
        if (found === undefined) throw new Error('the test asked for a publication it did not make');
        return {
          fileId: found.fileId,
          size: found.size,
          revision: 1,
          sources: this.sources.get(publicationId) ?? [],
          ...(ticket ? { ticket: this.ticketFor(found, device, { user }) } : {}),
        };
      },
      hold: async (_publicationId, _fileId, has) => void this.holds.push(has),
    };
  }

  async downloads(
    user: string,
    publications: readonly Publication[],
    options: Partial<DownloadsOptions> = {},
  ): Promise<Reader> {
    const identity = await this.identity(user);
    const notices: string[] = [];
    const received: PeerConnection[] = [];
    const downloads = new Downloads({
      tracker: this.trackerPort(publications, identity.pin, user),
      connector: directly(async ({ host, port }, pin, { signal }) => {
        const connection = await dialPeer({ host, port, pin, identity }, { signal });
        received.push(connection);
        return connection;
      }),
      ownPin: identity.pin,
      isSharing: false,
      onNotice: (_level, text) => notices.push(text),
      onUpdate: () => undefined,
      ...options,
    });
    this.#stops.push(() => downloads.stop());
    await mkdir(this.dir.join(`${user}-files`), { recursive: true });
    return { user, identity, downloads, notices, folder: this.dir.join(`${user}-files`) };
  }

  /** One try to fetch, by bob, who shares; `onUpdate` is called at every change. */
  async download(
    publication: Publication,
    request: DownloadRequest,
    {
      provenance = { part: undefined },
      onUpdate,
    }: { provenance?: Provenance; onUpdate?: (row: TransferRow) => unknown },
  ): Promise<Download> {
    const identity = await this.identity('bob');
    const download: Download = new Download({
      transferId: 'try',
      request,
      tracker: this.trackerPort([publication], identity.pin, 'bob'),
      connector: directly(({ host, port }, pin, { signal }) => dialPeer({ host, port, pin, identity }, { signal })),
      ownPin: identity.pin,
      history: new SourceHistory(undefined),
      isSharing: true,
      provenance,
      rates: ratesOf('try', new RateShares({}, systemClock)),
      writer: new ChunkWriter(),
      onNotice: () => undefined,
      onUpdate: () => onUpdate?.(download.row()),
    });
    return download;
  }

  async connect(peer: TestPeer, identity: Identity, clock?: Clock): Promise<PeerConnection> {
    const options = {
      host: '127.0.0.1',
      port: peer.port.port,
      pin: peer.identity.pin,
      identity,
      ...(clock === undefined ? {} : { clock }),
    };
    const connection = await dialPeer(options, { signal: AbortSignal.timeout(30_000) });
    this.#stops.push(async () => connection.close());
    return connection;
  }

  onEnd(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
    await chmod(this.dir.path, 0o700);
    await this.dir[Symbol.asyncDispose]();
  }
}

export interface Reader {
  readonly user: string;
  readonly identity: Identity;
  readonly downloads: Downloads;
  readonly notices: string[];
  readonly folder: string;
}

export function requestFor(
  publication: Publication,
  directory: string,
  changes: Partial<DownloadRequest> = {},
): DownloadRequest {
  return {
    publicationId: publication.publicationId,
    fileId: publication.fileId,
    sizeBytes: publication.size,
    owner: 'alice',
    name: publication.name,
    directory,
    fileName: publication.name,
    force: false,
    ...changes,
  };
}

export function sharedFile(
  { publicationId, fileId, name, path, size, hashed }: Publication,
  have: 'all' | ChunkRanges = 'all',
): SharedFile {
  const manifest: Manifest = { size, chunkSize: chunkSizeFor(size), hashes: hashed.hashes };
  return {
    publicationId,
    fileId,
    name,
    path,
    size,
    identity: hashed.identity,
    manifest: () => manifest,
    have: () => have,
    holds: (first, count) => have === 'all' || have.some(([from, to]) => from <= first && first + count <= to),
  };
}

function omitFiles({ files: _files, ...rest }: Partial<UploadsOptions>): Partial<Omit<UploadsOptions, 'files'>> {
  return rest;
}
