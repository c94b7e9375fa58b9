/** `/healthz`, `/readyz` and `/metrics` over HTTP: on a port of their own, and on the tracker's. Knows nothing but how to answer. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Health } from '../operate/health.js';
import { isLoopback, plainHost, sourceOf } from '../registry/addresses.js';
import { TcpPlaces } from './tcp-places.js';

/** A request is answered within this or its connection is closed: nobody holds one by sending slowly. */
const DEADLINE_MS = 5_000;
/** On the port of their own. */
const MAX_CONNECTIONS = 64;

export interface StatusSources {
  readonly health: Health;
  /** The page for Prometheus. */
  readonly metrics: () => string;
  readonly clock: Clock;
}

/** Their own port cannot be had; `cause` is what the system says. */
export class StatusPortError extends Error {
  override readonly name = 'StatusPortError';
}

export class StatusPages implements Part {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Attacker: a host that holds connections to the tracker's port; no probe, and no other node, may find the pages closed for it. */
  readonly #guests = new TcpPlaces<{ readonly isEntering: false; close(): void }>();
  #ownCount = 0;

  constructor(private readonly sources: StatusSources) {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => this.#hold(socket));
  }

  /** The port of their own. @throws {StatusPortError} with the system's error, such as EADDRINUSE. */
  async listen(host: string, port: number, { signal }: AbortOptions): Promise<number> {
    this.#server.listen({ host, port });
    await once(this.#server, 'listening', { signal }).catch((cause: Error) => {
      throw signal.aborted ? cause : new StatusPortError(cause.message, { cause });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Serves a connection that came in elsewhere. */
  take(socket: Socket): void {
    const place = { isEntering: false, close: () => socket.destroy() } as const;
    this.#guests.enter(place, sourceOf(plainHost(socket.remoteAddress ?? '')));
    socket.once('close', () => this.#guests.leave(place));
    this.#server.emit('connection', socket);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #hold(socket: Socket): void {
    const isOwn = this.#isOwnPort(socket);
    if (isOwn && this.#ownCount >= MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    if (isOwn) this.#ownCount += 1;
    this.#sockets.add(socket);
    const timer = this.sources.clock.setTimer(() => socket.destroy(), DEADLINE_MS);
    timer.unref();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      timer.cancel();
      this.#sockets.delete(socket);
      if (isOwn) this.#ownCount -= 1;
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { health, metrics } = this.sources;
    const path = request.url?.split('?', 1)[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'Only GET is answered here.');
    if (path === '/healthz') return sendState(response, await health.livenessProblem());
    if (path === '/readyz') return sendState(response, await health.readinessProblem());
    if (path !== '/metrics') return send(response, 404, 'There are /healthz, /readyz and /metrics.');
    // How much goes on here is nobody's business on the network.
    const isNear = this.#isOwnPort(request.socket) || isLoopback(plainHost(request.socket.remoteAddress ?? ''));
    if (isNear) send(response, 200, metrics(), 'text/plain; version=0.0.4; charset=utf-8');
    else send(response, 403, 'Metrics are for this machine, or for --status-port.');
  }

  #isOwnPort({ localPort }: Socket): boolean {
    return this.#server.listening && localPort === (this.#server.address() as AddressInfo).port;
  }
}

function sendState(response: ServerResponse, problem: string | undefined): void {
  send(response, problem === undefined ? 200 : 503, problem ?? 'ok');
}

function send(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', connection: 'close' });
  response.end(text.endsWith('\n') ? text : `${text}\n`);
}
