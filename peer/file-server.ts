/** Everything behind the file port: the listener, uploads for tickets, links for HTTP clients. Made before login (its port is told there), open after it. */
import type { Clock } from '../common/runtime/clock.js';
import type { Part } from '../common/runtime/lifecycle.js';
import type { Identity } from '../common/wire/identity.js';
import type { ActivityLog } from './activity-log.js';
import { PeerError, type UploadRow } from './api.js';
import { FilePort } from './file-port/file-port.js';
import type { PeerConnection } from './file-port/peer-connection.js';
import type { FolderIndex } from './library/folders/folder-index.js';
import type { Library } from './library/library.js';
import { LinkMaker, type LinkMakerOptions } from './link-maker.js';
import { LinkServer } from './links/link-server.js';
import { Links } from './links/links.js';
import type { DirectionLimits } from './rates/rate-shares.js';
import { rangeOf } from './reach/addresses.js';
import type { SourceReceipts } from './receipts/lane-receipts.js';
import type { RevocationList } from './revocation-list.js';
import { sharedLibrary } from './shared-library.js';
import { joinSharedFiles, type SharedFiles } from './upload/shared-file.js';
import { TicketGate } from './upload/ticket-gate.js';
import { Uploads } from './upload/uploads.js';

export interface FileServerOptions {
  readonly identity: Identity;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly stateDir: string;
  readonly library: Library;
  readonly folders: FolderIndex;
  readonly revocations: RevocationList;
  readonly clock: Clock;
  uploadLimits(): DirectionLimits;
  readonly log: ActivityLog;
  readonly receipts: SourceReceipts;
  trackerNow(): number;
  /** Running downloads, which serve what they have. */
  downloads(): SharedFiles;
  /** Somebody dials who says that he was asked to. */
  onBack(connection: PeerConnection, token: string): void;
  /** A promise resolves when the library has looked at it again. */
  onChanged(publicationId: string): Promise<void> | undefined;
  onUpdate(): void;
}

export class FileServer implements Part {
  readonly #options: FileServerOptions;
  readonly #links: Links;
  #port!: FilePort;
  #uploads: Uploads | undefined;
  #linkServer: LinkServer | undefined;

  private constructor(options: FileServerOptions, links: Links) {
    this.#options = options;
    this.#links = links;
  }

  /** @throws {PeerError} `port-in-use`, `unwritable`. */
  static async listen(options: FileServerOptions): Promise<FileServer> {
    const links = await Links.open({ stateDir: options.stateDir, clock: options.clock });
    const server = new FileServer(options, links);
    try {
      server.#port = await FilePort.listen({
        identity: options.identity,
        host: options.host,
        port: options.port,
        clock: options.clock,
        onPeer: (connection) => server.serve(connection),
        onBack: (connection, token) => options.onBack(connection, token),
        onHttp: (socket, guest) => {
          if (server.#linkServer === undefined) socket.destroy();
          else server.#linkServer.accept(socket, guest);
        },
      });
    } catch (error) {
      throw listenProblem(error, options.host, options.port);
    }
    return server;
  }

  get host(): string {
    return this.#port.host;
  }
  get port(): number {
    return this.#port.port;
  }
  /** Reachable from this machine only. */
  get isLocalOnly(): boolean {
    return rangeOf(this.#port.host) === 'loopback';
  }
  get bytesPerSecond(): number {
    return this.#uploads?.bytesPerSecond ?? 0;
  }
  rows(): UploadRow[] {
    return this.#uploads?.rows() ?? [];
  }

  /** From now on tickets signed by this tracker are honoured. */
  openTickets(trackerSpki: Buffer): void {
    const {
      library,
      folders,
      revocations,
      clock,
      downloads,
      onChanged,
      onUpdate,
      trackerNow,
      uploadLimits,
      log,
      receipts,
    } = this.#options;
    const tickets = new TicketGate({ trackerSpki, trackerNow, revocations });
    const files = joinSharedFiles(sharedLibrary(library, folders), {
      find: (...key) => downloads().find(...key),
      findFile: (fileId) => downloads().findFile(fileId),
    });
    this.#uploads = new Uploads({
      files,
      tickets,
      clock,
      onUpdate,
      onChanged: (publicationId) => onChanged(publicationId),
      limits: uploadLimits(),
      receipts,
      onServed: (row) => log.served(row),
    });
    this.#linkServer = new LinkServer({
      links: this.#links,
      files: sharedLibrary(library, folders),
      uploads: this.#uploads,
      clock,
      onAudit: (use) => log.linkUsed(use),
    });
  }

  /** Answers what the other end of `connection` requests, whoever dialled. */
  serve(connection: PeerConnection): void {
    if (this.#uploads === undefined) connection.close();
    else this.#uploads.accept(connection);
  }

  /** Counts at once. */
  setLimits(limits: DirectionLimits): void {
    this.#uploads?.setLimits(limits);
  }

  /** Revocations changed: uploads they concern are cut. */
  recheck(): void {
    this.#uploads?.recheck();
  }

  linkMaker(reachedAt: (port: number) => ReturnType<LinkMakerOptions['reachedAt']>): LinkMaker {
    return new LinkMaker({ links: this.#links, library: this.#options.library, reachedAt: () => reachedAt(this.port) });
  }

  async stop(): Promise<void> {
    await this.#uploads?.stop();
    await this.#linkServer?.stop();
    await this.#links.stop();
    await this.#port.stop();
  }
}

function listenProblem(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE')
    return new PeerError({
      code: 'port-in-use',
      message: `Port ${port} on ${host} is in use. Choose another with --port, or leave it out to take any free one.`,
    });
  if (code === 'EACCES')
    return new PeerError({
      code: 'port-in-use',
      message: `Port ${port} needs more rights on this system. Choose one from 1024 on with --port.`,
    });
  if (code === 'EADDRNOTAVAIL')
    return new PeerError({
      code: 'usage',
      message: `${host} is no address of this machine. Choose another with --host.`,
    });
  return error;
}
