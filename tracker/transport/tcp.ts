/** Accepts TLS connections and hands each to a `TcpConnection`; see docs/protocol.md "TCP". */
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { TLS_HANDSHAKE_DEADLINE_MS } from '../../common/protocol/limits.js';
import { systemClock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { serverTlsOptions } from '../../common/wire/pinned-tls.js';
import { sourceOf } from '../registry/addresses.js';
import type { Session } from '../registry/session.js';
import type { Relay } from '../relay/relay.js';
import type { Router } from '../router.js';
import type { Services } from '../services.js';
import { HandshakeGate } from './handshake-gate.js';
import type { StatusPages } from './status-pages.js';
import { TcpConnection } from './tcp-connection.js';
import { TcpPlaces } from './tcp-places.js';

export const TRACKER_ALPN = 'shoal-tracker/1';
const RELAY_ALPN = 'shoal-relay/1';
const HTTP_ALPN = 'http/1.1';
const KEEP_ALIVE_MS = 30_000;
const BACKLOG = 1_024;
/** Beyond so many connections new ones are closed at once: file descriptors must not run out. */
const MAX_CONNECTIONS = 20_000;

/** Time for the last replies and events to go out when the tracker stops. */
const GOODBYE_MS = 300;

export interface TcpOptions {
  readonly services: Services;
  readonly router: Router;
  /** For connections that speak HTTP. */
  readonly pages: StatusPages;
  /** For those that meet another peer. */
  readonly relay: Pick<Relay, 'take'>;
  readonly host: string;
  readonly port: number;
}

export class TcpTransport implements Part {
  readonly #server: Server;
  readonly #gate: HandshakeGate;
  readonly #connections = new Set<TcpConnection>();
  readonly #places = new TcpPlaces<TcpConnection>();
  readonly #rawByPeer = new Map<string, Socket>();
  #closed: Promise<void> | undefined;

  private constructor(private readonly options: TcpOptions) {
    const { services } = options;
    const tls = createTlsServer(serverTlsOptions(services.identity, [TRACKER_ALPN, RELAY_ALPN, HTTP_ALPN]));
    tls.on('secureConnection', (socket) => this.#welcome(socket));
    tls.on('tlsClientError', (error, socket) => {
      services.log.write('debug', 'a TLS handshake failed', { error });
      socket.destroy();
    });
    this.#gate = new HandshakeGate(
      (socket) => tls.emit('connection', socket),
      services.clock,
      TLS_HANDSHAKE_DEADLINE_MS,
    );
    this.#server = createTcpServer({
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** Resolves when connections are accepted. `host` is an address. @throws the system's error, such as EADDRINUSE. */
  static async listen(options: TcpOptions, { signal }: AbortOptions): Promise<TcpTransport> {
    const transport = new TcpTransport(options);
    transport.#server.listen({ host: options.host, port: options.port, backlog: BACKLOG });
    await once(transport.#server, 'listening', { signal });
    return transport;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The registry has forgotten the session: whoever still speaks for it must come back with its token. */
  closeSession(session: Session): void {
    for (const connection of this.#places.of(session.user)) if (connection.session === session) connection.close();
  }

  async stop(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#gate.close();
    for (const connection of this.#connections) connection.closeSoon();
    const timer = systemClock.setTimer(() => {
      for (const connection of this.#connections) connection.close();
    }, GOODBYE_MS);
    await closed;
    timer.cancel();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  #accept(socket: Socket): void {
    if (this.options.services.policy.isBannedHost(socket.remoteAddress ?? '')) {
      socket.destroy();
      return;
    }
    const peer = peerOf(socket);
    this.#rawByPeer.set(peer, socket);
    socket.once('close', () => this.#rawByPeer.delete(peer));
    this.#gate.enter(socket);
  }

  #welcome(socket: TLSSocket): void {
    const raw = this.#rawByPeer.get(peerOf(socket));
    if (raw !== undefined) this.#gate.leave(raw);
    if (socket.alpnProtocol === RELAY_ALPN) {
      this.options.relay.take(socket);
      return;
    }
    if (socket.alpnProtocol !== TRACKER_ALPN) {
      this.options.pages.take(socket); // HTTP, or nothing was said
      return;
    }
    const { router, services } = this.options;
    const connection = new TcpConnection(socket, {
      router,
      clock: services.clock,
      log: services.log,
      onSession: ({ user }) => this.#places.adopt(connection, user),
    });
    if (!this.#places.enter(connection, sourceOf(connection.host))) {
      connection.close();
      return;
    }
    this.#connections.add(connection);
    void connection.run().finally(() => {
      this.#connections.delete(connection);
      this.#places.leave(connection);
    });
  }
}

/** A TLS socket does not tell the socket below it, but has its remote address, which is unique while it lasts. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
