import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { startBothProxy, startTcpProxy, type TcpProxyOptions } from './faultnet.js';
import { seededBytes } from './temp.js';
import { waitFor } from './wait-for.js';

const MIB = 1024 * 1024;

interface Target extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly sockets: Socket[];
}

async function serve(onSocket: (socket: Socket) => void): Promise<Target> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined); // the faults are the point of these tests
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const dispose = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { host: '127.0.0.1', port, sockets, [Symbol.asyncDispose]: dispose };
}

interface Received {
  readonly socket: Socket;
  bytes: number;
  readonly chunks: Buffer[];
  error: NodeJS.ErrnoException | undefined;
  hasEnded: boolean;
}

function connect({ host, port }: { host: string; port: number }): Received {
  const socket = createConnection({ host, port, allowHalfOpen: true });
  const received: Received = { socket, bytes: 0, chunks: [], error: undefined, hasEnded: false };
  socket.on('data', (chunk: Buffer) => {
    received.bytes += chunk.length;
    received.chunks.push(chunk);
  });
  socket.on('error', (error) => {
    received.error = error;
  });
  socket.on('end', () => {
    received.hasEnded = true;
  });
  return received;
}

const sendAll =
  (bytes: Buffer) =>
  (socket: Socket): void =>
    void socket.end(bytes);
const echo = (socket: Socket): void => void socket.pipe(socket);

/** What a client gets from a target that sends `bytes`, through a proxy with these faults, until its connection closes. */
async function download(bytes: Buffer, faults: Omit<TcpProxyOptions, 'target'>) {
  await using target = await serve(sendAll(bytes));
  await using proxy = await startTcpProxy({ ...faults, target });
  const received = connect(proxy);
  await waitFor(() => received.hasEnded || received.error !== undefined, { what: 'the end of the download' });
  received.socket.destroy();
  return { ...received, body: Buffer.concat(received.chunks), counted: proxy.bytes.toClient };
}

describe('support/tcp-proxy', () => {
  it('carries bytes both ways unchanged, passes a half-close on, counts and records', async () => {
    await using target = await serve(echo);
    await using proxy = await startTcpProxy({ target });
    const bytes = seededBytes(3 * MIB, 1);
    const client = connect(proxy);

    client.socket.end(bytes);
    await waitFor(() => client.hasEnded);
    await waitFor(() => proxy.openConnections === 0, { what: 'the connection to close' });

    expect(Buffer.concat(client.chunks).equals(bytes)).to.equal(true);
    expect(proxy.bytes).to.deep.equal({ toTarget: bytes.length, toClient: bytes.length });
    expect(proxy.connections).to.equal(1);
    expect(proxy.recorded('toTarget', 0).equals(bytes)).to.equal(true);
    expect(proxy.isRecordComplete).to.equal(true);
  });

  it('splits into small pieces', async () => {
    const bytes = seededBytes(2000, 1);

    const { body, chunks } = await download(bytes, { splitBytes: 7, seed: 1 });

    expect(body.equals(bytes)).to.equal(true);
    expect(chunks.length).to.be.above(100);
  });

  it('turns one bit of the byte asked for', async () => {
    const bytes = seededBytes(300_000, 1);

    const { body } = await download(bytes, { corruptAt: 200_001, splitBytes: 70_000 });

    const changed = [...bytes.keys()].filter((index) => bytes[index] !== body[index]);
    expect(body.length).to.equal(bytes.length);
    expect(changed).to.deep.equal([200_001]);
  });

  it('resets after the number of bytes asked for, the same for the same seed', async () => {
    const bytes = seededBytes(MIB, 1);

    const fixed = await download(bytes, { resetAfterBytes: 100_000 });
    const drawn = await download(bytes, { resetAfterBytes: [1000, 900_000], seed: 9 });
    const again = await download(bytes, { resetAfterBytes: [1000, 900_000], seed: 9 });

    expect(fixed.error?.code).to.equal('ECONNRESET');
    expect(fixed.counted).to.equal(100_000);
    expect(fixed.bytes).to.be.at.most(100_000);
    expect(drawn.counted).to.be.within(1000, 900_000).and.to.equal(again.counted);
  });

  it('adds delay without slowing the flow', async () => {
    const bytes = seededBytes(20 * MIB, 1);
    const startedAt = performance.now();

    const { body } = await download(bytes, { delayMs: 100 });

    expect(body.equals(bytes)).to.equal(true);
    // Were each piece held up, it would be half a minute.
    expect(performance.now() - startedAt).to.be.within(100, 10_000);
  });

  for (const connections of [1, 4]) {
    it(`keeps ${connections} connections together at the rate asked for, at most 3 % above it`, async () => {
      const rate = 8 * MIB;
      await using target = await serve((socket) => void socket.write(Buffer.alloc(64 * MIB)));
      await using proxy = await startTcpProxy({ target, rateBytesPerSecond: rate });
      const clients = Array.from({ length: connections }, () => connect(proxy));
      await waitFor(() => proxy.bytes.toClient > rate / 4);
      /** Of one second: the part of the rate that came, and how far the connections are from an equal share. */
      const measure = async (): Promise<{ ofRate: number; sharesOff: number }> => {
        const before = clients.map(({ bytes }) => bytes);
        const [startBytes, startedAt] = [proxy.bytes.toClient, performance.now()];
        await waitFor(() => proxy.bytes.toClient >= startBytes + rate, { what: 'a second of bytes' });
        const came = proxy.bytes.toClient - startBytes;
        const ofRate = came / (performance.now() - startedAt) / (rate / 1000);
        const shares = clients.map(({ bytes }, index) => (bytes - (before[index] ?? 0)) / came);
        return { ofRate, sharesOff: Math.max(...shares.map((share) => Math.abs(share - 1 / connections))) };
      };
      let seen = await measure();
      // What a busy machine makes late in one second is not late in each.
      for (let more = 0; more < 5 && (seen.ofRate < 0.97 || seen.sharesOff > 0.05); more += 1) seen = await measure();
      for (const { socket } of clients) socket.destroy();

      expect(seen.ofRate).to.be.within(0.5, 1.03);
      expect(seen.sharesOff, 'off an equal share').to.be.at.most(0.1);
    });
  }

  it('goes silent when half-open: no bytes, no end, no reset', async () => {
    await using target = await serve(echo);
    await using proxy = await startTcpProxy({ target, halfOpen: 4 });
    const client = connect(proxy);
    client.socket.write('abcdef');
    await waitFor(() => client.bytes === 4);

    client.socket.write('more');
    target.sockets[0]?.end('bye');
    target.sockets[0]?.destroySoon();
    const late = connect(proxy);
    late.socket.write('xyz!');
    await waitFor(() => late.bytes === 4, { what: 'another connection, as proof that time has passed' });

    expect(Buffer.concat(client.chunks).toString()).to.equal('abcd');
    expect(client.hasEnded).to.equal(false);
    expect(client.error).to.equal(undefined);
    for (const { socket } of [client, late]) socket.destroy();
  });

  it('stalls and goes on', async () => {
    await using target = await serve(echo);
    await using proxy = await startTcpProxy({ target });
    await using witness = await startTcpProxy({ target });
    const client = connect(proxy);
    client.socket.write('one');
    await waitFor(() => client.bytes === 3);

    proxy.pause();
    client.socket.end('two');
    const other = connect(witness);
    other.socket.write('proof that time has passed');
    await waitFor(() => other.bytes > 0);
    const whilePaused = client.bytes;
    proxy.resume();
    await waitFor(() => client.hasEnded);

    expect(whilePaused).to.equal(3);
    expect(client.bytes).to.equal(6);
    other.socket.destroy();
  });

  it('breaks all connections and takes new ones', async () => {
    await using target = await serve(echo);
    await using proxy = await startTcpProxy({ target });
    const before = connect(proxy);
    before.socket.write('x');
    await waitFor(() => before.bytes === 1);

    proxy.killAll();
    await waitFor(() => before.error !== undefined);
    const after = connect(proxy);
    after.socket.write('y');
    await waitFor(() => after.bytes === 1);

    expect(before.error?.code).to.equal('ECONNRESET');
    expect(proxy.connections).to.equal(2);
    after.socket.destroy();
  });

  it('resets the client when the target cannot be reached, and can be aimed at a port again', async () => {
    const gone = await serve(echo);
    await gone[Symbol.asyncDispose]();
    const proxy = await startTcpProxy({ target: gone });
    const client = connect(proxy);
    await waitFor(() => client.error !== undefined, { what: 'the reset' });
    const { port } = proxy;
    await proxy.close();

    await using again = await startTcpProxy({ target: gone, port });

    expect(again.port).to.equal(port);
  });

  it('binds UDP and TCP on one port', async () => {
    await using target = await serve(echo);
    await using proxy = await startBothProxy({ target, seed: 1, udp: { loss: 1 }, tcp: { splitBytes: 2 } });
    const client = connect(proxy);
    client.socket.end('hello');
    await waitFor(() => client.hasEnded);

    expect(proxy.udp.port).to.equal(proxy.port);
    expect(proxy.tcp.port).to.equal(proxy.port);
    expect(Buffer.concat(client.chunks).toString()).to.equal('hello');
  });
});
