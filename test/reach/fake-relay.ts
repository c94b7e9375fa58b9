/** A relay that lets in everybody who names a token, two by two, and keeps what it could read: what a tracker's operator sees. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Identity } from '../../common/wire/identity.js';
import { serverTlsOptions } from '../../common/wire/pinned-tls.js';
import type { RelayPlace } from '../../peer/reach/relay-line.js';

export class FakeRelay implements AsyncDisposable {
  readonly seen: Buffer[] = [];
  readonly #waiting = new Map<string, TLSSocket>();
  readonly #sockets = new Set<TLSSocket>();
  readonly #server: Server;

  private constructor(private readonly identity: Identity) {
    this.#server = createServer(serverTlsOptions(identity, ['shoal-relay/1']), (socket) => this.#take(socket));
  }

  static async open(identity: Identity): Promise<FakeRelay> {
    const relay = new FakeRelay(identity);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get place(): RelayPlace {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port, pin: this.identity.pin };
  }

  /** Those who have come and whom nobody has joined. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #take(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // a cut is what some tests are about
    socket.once('close', () => this.#sockets.delete(socket));
    socket.once('data', (line: Buffer) => {
      const { token } = JSON.parse(line.toString()) as { token: string };
      const other = this.#waiting.get(token);
      if (other === undefined) this.#waiting.set(token, socket);
      else this.#splice(socket, other);
      if (other !== undefined) this.#waiting.delete(token);
    });
  }

  #splice(...ends: [TLSSocket, TLSSocket]): void {
    for (const end of ends) end.write('{"ok":true}\n');
    for (const [from, to] of [ends, ends.toReversed() as typeof ends]) {
      from.on('data', (bytes: Buffer) => {
        this.seen.push(bytes);
        to.write(bytes);
      });
      from.on('close', () => to.destroy());
    }
  }
}
