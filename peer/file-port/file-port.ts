/**
 * Where a peer can be reached: one TLS port with two lanes. `shoal-peer/1` becomes a `PeerConnection`, `http/1.1` (or nothing named)
 * goes to the link lane. It judges connections, not requests: how many, how long until they say something.
 */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';

import { TLS_HANDSHAKE_DEADLINE_MS } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Identity } from '../../common/wire/identity.js';
import { pinOfSocket, serverTlsOptions } from '../../common/wire/pinned-tls.js';
import { ALPN_HTTP, ALPN_PEER } from './alpn.js';
import { PeerConnection } from './peer-connection.js';
import { type Guest, Places } from './places.js';

/** Connections at once, both lanes, handshakes included. */
export const MAX_CONNECTIONS = 512;
/** Connections of one user that are never closed for others: four downloads at once on each of several devices. */
const SHARE_PER_USER = 16;
/** Connections the system may hold for us while we are busy. */
const BACKLOG = 1_024;
/** A new peer must have sent its first line within this, ms. */
export const FIRST_LINE_DEADLINE_MS = 5_000;

export interface FilePortOptions {
  readonly identity: Identity;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly onPeer: (connection: PeerConnection) => void;
  /** Somebody dials because he was asked to, with this token. Without it nobody is expected. */
  readonly onBack?: (connection: PeerConnection, token: string) => void;
  /** Without it the link lane is closed. */
  readonly onHttp?: ((socket: TLSSocket, guest: Guest) => void) | undefined;
  readonly maxConnections?: number;
  readonly clock?: Clock | undefined;
}

export class FilePort implements Part {
  readonly #server: Server;
  /** Kept, since a closed server has none and states are still asked for. */
  #address!: AddressInfo;
  readonly #places: Places;
  readonly #options: FilePortOptions;

  private constructor(options: FilePortOptions) {
    this.#options = options;
    this.#places = new Places(options.maxConnections ?? MAX_CONNECTIONS);
    this.#server = createServer({
      ...serverTlsOptions(options.identity, [ALPN_PEER, ALPN_HTTP], { requestClientCert: true }),
      handshakeTimeout: TLS_HANDSHAKE_DEADLINE_MS,
    });
    this.#server.on('connection', (socket: Socket) => this.#places.admit(socket));
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#welcome(socket));
    // A broken handshake is the other end's business; its socket is closed with it.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** @throws the system's error (`EADDRINUSE`, `EACCES`, …) when the port cannot be had. */
  static async listen(options: FilePortOptions): Promise<FilePort> {
    const port = new FilePort(options);
    port.#server.listen({ host: options.host, port: options.port, backlog: BACKLOG });
    await once(port.#server, 'listening');
    port.#address = port.#server.address() as AddressInfo;
    // From here on an error means that accepting failed for a moment (no descriptors left): the server goes on by itself.
    port.#server.on('error', () => undefined);
    return port;
  }

  get host(): string {
    return this.#address.address;
  }

  get port(): number {
    return this.#address.port;
  }

  /** Connections now, both lanes. */
  get connections(): number {
    return this.#places.size;
  }

  /** Stops listening and closes what is still open. May be called twice. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#places.closeAll();
    await closed;
  }

  #welcome(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    const guest = this.#places.guestOf(socket);
    if (guest === undefined) {
      socket.destroy(); // Its place was given to another while it shook hands.
      return;
    }
    if (socket.alpnProtocol === ALPN_PEER) this.#welcomePeer(socket, guest);
    else if (this.#options.onHttp === undefined) socket.destroy();
    else this.#options.onHttp(socket, guest);
  }

  #welcomePeer(socket: TLSSocket, guest: Guest): void {
    const pin = pinOfSocket(socket);
    // Without a device of its own nobody can hold a ticket; the tracker's look at our pin ends here too.
    if (pin === undefined) {
      socket.destroy();
      return;
    }
    const onProven = (user: string): void => guest.prove(`user ${user}`, SHARE_PER_USER);
    const { clock, onBack } = this.#options;
    this.#options.onPeer(
      new PeerConnection(socket, { pin, clock, onProven, onBack, firstLineDeadlineMs: FIRST_LINE_DEADLINE_MS }),
    );
  }
}
