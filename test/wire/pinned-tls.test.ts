import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { DeadlineError } from '../../common/runtime/deadline.js';
import type { Identity } from '../../common/wire/identity.js';
import {
  connectPinned,
  keyExchangeOf,
  PinMismatchError,
  type PinnedConnection,
  type PinnedTarget,
  pinOfSocket,
  serverTlsOptions,
} from '../../common/wire/pinned-tls.js';
import { waitFor } from '../support/wait-for.js';
import { newIdentity } from './test-identity.js';

const ALPN = 'shoal-tracker/1';

describe('pinned TLS', () => {
  let server: Identity;
  let device: Identity;
  let listeners: Server[];
  let sockets: Socket[];
  /** What the accepting side saw of each connection. */
  let accepted: { socket: TLSSocket; received: Buffer[] }[];
  let failures: Error[];

  before(async () => {
    [server, device] = await Promise.all([newIdentity(), newIdentity()]);
  });
  beforeEach(() => {
    [listeners, sockets, accepted, failures] = [[], [], [], []];
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(
      listeners.map(async (listener) => {
        listener.close();
        await once(listener, 'close');
      }),
    );
  });

  async function listen(listener: Server, host = '127.0.0.1'): Promise<number> {
    listener.on('connection', (socket) => sockets.push(socket));
    listeners.push(listener);
    listener.listen(0, host);
    await once(listener, 'listening');
    return (listener.address() as AddressInfo).port;
  }

  async function tracker(
    options: { alpn?: string[]; requestClientCert?: boolean; host?: string } = {},
  ): Promise<number> {
    const { alpn = [ALPN], host, ...rest } = options;
    const listener = createServer(serverTlsOptions(server, alpn, rest), (socket) => {
      const received: Buffer[] = [];
      socket.on('data', (bytes: Buffer) => received.push(bytes));
      socket.on('error', (error) => failures.push(error));
      accepted.push({ socket, received });
    });
    listener.on('tlsClientError', (error) => failures.push(error));
    return await listen(listener, host);
  }

  async function pinned(port: number, target: Partial<PinnedTarget> = {}): Promise<PinnedConnection> {
    const connection = await connectPinned({
      host: '127.0.0.1',
      port,
      pin: server.pin,
      alpn: ALPN,
      timeoutMs: 5_000,
      signal: new AbortController().signal,
      ...target,
    });
    sockets.push(connection.socket);
    return connection;
  }

  const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('connects to the right key with TLS 1.3 and post-quantum key exchange, and data passes', async () => {
    const { socket, pin, spki } = await pinned(await tracker());
    socket.write('hello');
    await waitFor(() => accepted[0]?.received.length, { what: 'data at the server' });

    expect(pin).to.equal(server.pin);
    expect(spki).to.deep.equal(server.spki);
    expect(pinOfSocket(socket)).to.equal(server.pin);
    expect(socket.getProtocol()).to.equal('TLSv1.3');
    expect(socket.alpnProtocol).to.equal(ALPN);
    expect(keyExchangeOf(socket)).to.equal('X25519MLKEM768');
    expect(Buffer.concat(accepted[0]?.received ?? []).toString()).to.equal('hello');
  });

  it('a wrong pin is refused, and the other side gets 0 bytes of application data', async () => {
    const port = await tracker();
    const error = await failureOf(pinned(port, { pin: device.pin }));
    await waitFor(() => failures.length > 0 || accepted[0]?.socket.destroyed, { what: 'the connection to end' });

    expect(error).to.be.instanceOf(PinMismatchError);
    expect((error as PinMismatchError).expected).to.equal(device.pin);
    expect((error as PinMismatchError).found).to.equal(server.pin);
    expect((error as PinMismatchError).message).to.include(`sha256:${server.pin}`);
    expect(accepted.flatMap(({ received }) => received)).to.deep.equal([]);
  });

  it('a man in the middle who records everything sees a handshake and no plain text of what follows', async () => {
    const port = await tracker();
    const recorded: Buffer[] = [];
    const proxy = createTcpServer((inside) => {
      const outside = new (inside.constructor as new () => Socket)();
      outside.connect(port, '127.0.0.1');
      sockets.push(outside);
      for (const [from, to] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        from.on('data', (bytes: Buffer) => {
          recorded.push(bytes);
          to.write(bytes);
        });
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
    });
    const { socket } = await pinned(await listen(proxy));
    socket.write('correct horse battery staple');
    await waitFor(() => accepted[0]?.received.length, { what: 'data at the server' });

    expect(Buffer.concat(recorded).includes('correct horse')).to.equal(false);
    expect(Buffer.concat(recorded).includes(server.spki), 'the certificate is encrypted too').to.equal(false);
  });

  it('without a pin it reports the key it found: first contact', async () => {
    expect((await pinned(await tracker(), { pin: undefined })).pin).to.equal(server.pin);
  });

  it('mutual TLS: the accepting side learns the device pin from the handshake', async () => {
    await pinned(await tracker({ requestClientCert: true }), { identity: device });
    const socket = await waitFor(() => accepted[0]?.socket);

    expect(pinOfSocket(socket)).to.equal(device.pin);
  });

  it('mutual TLS: who shows no certificate is told apart, not refused by the handshake', async () => {
    await pinned(await tracker({ requestClientCert: true }));
    const socket = await waitFor(() => accepted[0]?.socket);

    expect(pinOfSocket(socket)).to.equal(undefined);
  });

  it('a TLS 1.2 client is refused', async () => {
    const port = await tracker();
    const old = connect({
      port,
      host: '127.0.0.1',
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ALPNProtocols: [ALPN],
      checkServerIdentity: () => undefined,
    });
    sockets.push(old);

    const [error] = await once(old, 'error').then((values) => values as [NodeJS.ErrnoException]);

    expect(error.code).to.include('PROTOCOL_VERSION');
    expect(accepted).to.deep.equal([]);
  });

  it('a server that speaks another protocol is refused', async () => {
    expect(await failureOf(pinned(await tracker({ alpn: ['http/1.1'] })))).to.be.instanceOf(Error);
  });

  it('a server that ignores ALPN is refused', async () => {
    const { ALPNProtocols: _, ...options } = serverTlsOptions(server, []);
    const port = await listen(createServer(options, (socket) => socket.on('error', () => undefined)));

    expect(String(await failureOf(pinned(port)))).to.include(ALPN);
  });

  it('connects over IPv6 and to host names', async () => {
    const six = await tracker({ host: '::1' });
    const four = await tracker();

    expect((await pinned(six, { host: '::1' })).pin).to.equal(server.pin);
    expect((await pinned(four, { host: 'localhost' })).pin).to.equal(server.pin);
  });

  describe('gives up', () => {
    /** Accepts and never says a word. */
    const silent = (): Promise<number> =>
      listen(createTcpServer((socket) => socket.on('error', () => undefined).resume()));

    it('after timeoutMs when the other side is silent, and closes the socket', async () => {
      const port = await silent();

      expect(await failureOf(pinned(port, { timeoutMs: 30 }))).to.be.instanceOf(DeadlineError);
      await waitFor(() => sockets.every((socket) => socket.destroyed || socket.readableEnded), {
        what: 'the silent side to see the end',
      });
    });

    it('at once with the reason of the signal, before or during the handshake', async () => {
      const port = await silent();
      const controller = new AbortController();
      const reason = new Error('stopped by the user');
      const waiting = failureOf(pinned(port, { signal: controller.signal }));
      await waitFor(() => sockets.length > 0);
      controller.abort(reason);

      expect(await waiting).to.equal(reason);
      expect(await failureOf(pinned(port, { signal: controller.signal }))).to.equal(reason);
    });

    it('when nobody listens, the other side hangs up, or it speaks no TLS', async () => {
      const gone = await silent();
      listeners[0]?.close();
      const hangsUp = await listen(createTcpServer((socket) => socket.destroy()));
      const chatty = await listen(
        createTcpServer((socket) => {
          socket.on('error', () => undefined).end('SSH-2.0-OpenSSH\r\n');
        }),
      );

      expect(await failureOf(pinned(gone))).to.have.property('code', 'ECONNREFUSED');
      for (const port of [hangsUp, chatty]) expect(await failureOf(pinned(port))).to.be.instanceOf(Error);
      listeners.shift();
    });
  });

  it('an error that comes right after the handshake is no uncaught exception', async () => {
    const listener = createServer(serverTlsOptions(server, [ALPN]), (socket) => {
      socket.on('error', () => undefined);
      sockets.at(-1)?.resetAndDestroy();
    });
    const port = await listen(listener);

    const result = await connectPinned({
      host: '127.0.0.1',
      port,
      pin: server.pin,
      alpn: ALPN,
      timeoutMs: 5_000,
      signal: new AbortController().signal,
    }).then(
      ({ socket }) => socket,
      (error: unknown) => error,
    );

    if (result instanceof Error) return;
    await waitFor(() => (result as TLSSocket).destroyed, { what: 'the socket to see the reset' });
  });
});
