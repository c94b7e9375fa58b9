// Downloads of one file by several users at once, as cheap as possible: the bytes are counted and dropped. For what they cost the source.
import { fromBase64url } from '../../common/protocol/base64url.js';
import { parseTicket } from '../../common/protocol/parse.js';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { dialPeer } from '../../peer/file-port/dial-peer.js';
import type { PeerConnection } from '../../peer/file-port/peer-connection.js';
import { RawSession } from '../../test/e2e/raw-session.js';
import type { TrackerHandle } from '../../test/support/program.js';
import type { TempDir } from '../../test/support/temp.js';

/** Chunks of one request, and how many requests are open: 32 MiB asked for ahead, as a fast downloader does. */
const REQUEST_CHUNKS = 64;
const OPEN_REQUESTS = 2;

export interface ManyUploadsOptions {
  readonly tracker: TrackerHandle;
  readonly dir: TempDir;
  readonly publicationId: string;
  readonly chunks: number;
  readonly users: readonly { readonly user: string; readonly password: string }[];
  readonly connectionsPerUser: number;
}

export class ManyUploads implements Disposable {
  receivedBytes = 0;
  readonly #connections: PeerConnection[] = [];

  /** Connections that are still fetching. */
  get open(): number {
    return this.#connections.filter(({ isOpen }) => isOpen).length;
  }

  /** Logs everybody in and begins to fetch, again and again. */
  static async start(options: ManyUploadsOptions): Promise<ManyUploads> {
    const uploads = new ManyUploads();
    for (const who of options.users) await uploads.#startUser(options, who);
    return uploads;
  }

  /** Nobody reads any more: the source holds what it was about to send. */
  pause(): void {
    for (const connection of this.#connections) connection.pause();
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.close();
  }

  async #startUser(
    { tracker, dir, publicationId, chunks, connectionsPerUser }: ManyUploadsOptions,
    who: ManyUploadsOptions['users'][number],
  ): Promise<void> {
    const device = await loadOrCreateIdentity(dir.join(`${who.user}.pem`), { commonName: who.user });
    using session = await RawSession.open(tracker, { transport: 'tcp', ...who, device });
    const reply = await session.request('sources', { publicationId, ticket: true });
    if (!reply.ok || reply.ticket === undefined) throw new Error('the tracker gave no ticket');
    const source = reply.sources[0];
    const address = source?.addresses[0];
    if (source === undefined || address === undefined) throw new Error('the tracker lists no source');
    for (let count = 0; count < connectionsPerUser; count += 1) {
      const signal = AbortSignal.timeout(20_000);
      const connection = await dialPeer({ ...address, pin: source.device, identity: device }, { signal });
      this.#connections.push(connection);
      await this.#fetch(connection, reply.ticket, chunks);
    }
  }

  async #fetch(connection: PeerConnection, ticket: string, chunks: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    connection.request(
      { type: 'open', ticket },
      { onOpened: () => resolve(), onEnd: () => reject(new Error('no answer')), onError: reject },
    );
    await promise;
    const { ticketId } = parseTicket(fromBase64url(ticket.slice(0, ticket.indexOf('.'))));
    for (let open = 0; open < OPEN_REQUESTS; open += 1) this.#ask(connection, { ticketId, first: 0, chunks });
  }

  #ask(connection: PeerConnection, range: { ticketId: string; first: number; chunks: number }): void {
    const { ticketId, first, chunks } = range;
    const count = Math.min(REQUEST_CHUNKS, chunks - first);
    connection.request(
      { type: 'chunks', ticketId, first, count },
      {
        onRun: () => undefined,
        onBytes: (bytes) => {
          this.receivedBytes += bytes.length;
        },
        onEnd: () => this.#ask(connection, { ...range, first: (first + count) % chunks }),
        onError: (error) => connection.close(error),
      },
    );
  }
}
