import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { expect } from 'chai';
import fc from 'fast-check';

import { VirtualClock } from '../../common/runtime/clock.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';
import { FilePort } from '../../peer/file-port/file-port.js';
import { FrameDecoder } from '../../peer/file-port/frame-decoder.js';
import type { PeerConnection } from '../../peer/file-port/peer-connection.js';
import { WriteWatch } from '../../peer/file-port/write-watch.js';
import { type Publication, sharedFile, type TestPeer, World } from '../download/swarm-fixture.js';
import { seedFor } from '../support/seed.js';
import { waitFor } from '../support/wait-for.js';
import { RawPeer } from '../upload/raw-peer.js';

describe('FilePort', () => {
  let world: World;
  let publication: Publication;
  let alice: TestPeer;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('file.bin', 100_000);
    alice = await world.peer('alice', [publication]);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await world[Symbol.asyncDispose]();
  });

  const silent = async (port: number): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };

  async function fetchOne(name: string): Promise<void> {
    const identity = await world.identity(name);
    const raw = await RawPeer.connect(alice, identity);
    raw.line({ id: 1, type: 'open', ticket: world.ticketFor(publication, identity.pin, { ticketId: 'T'.repeat(21) }) });
    raw.line({ id: 2, type: 'chunks', ticketId: 'T'.repeat(21), first: 0, count: 1 });
    await raw.answer('end', 2);
    raw.close();
  }

  it('serves an honest peer while silent connections hold every place', async () => {
    for (let n = 0; n < 700; n += 1) await silent(alice.port.port);
    expect(alice.port.connections).to.equal(512);

    await fetchOne('bob');
  });

  it('does not close who has shown a ticket to make room', async () => {
    const identity = await world.identity('bob');
    const proven = await RawPeer.connect(alice, identity);
    proven.line({
      id: 1,
      type: 'open',
      ticket: world.ticketFor(publication, identity.pin, { ticketId: 'T'.repeat(21) }),
    });
    await proven.answer('opened');
    for (let n = 0; n < 600; n += 1) await silent(alice.port.port);
    proven.line({ id: 2, type: 'chunks', ticketId: 'T'.repeat(21), first: 0, count: 1 });

    await proven.answer('end', 2);
    proven.close();
  });

  it('refuses newcomers when all places belong to peers with tickets', async () => {
    const port = await FilePort.listen({
      identity: alice.identity,
      host: '127.0.0.1',
      port: 0,
      maxConnections: 2,
      onPeer: (connection) => alice.uploads.accept(connection),
    });
    world.onEnd(() => port.stop());
    const identity = await world.identity('bob');
    const peers: RawPeer[] = [];
    for (let n = 0; n < 2; n += 1) {
      const raw = await RawPeer.connect({ ...alice, port } as TestPeer, identity);
      raw.line({ id: 1, type: 'open', ticket: world.ticketFor(publication, identity.pin) });
      await raw.answer('opened');
      peers.push(raw);
    }

    const late = await silent(port.port);
    await once(late, 'close');

    expect(peers.map(({ isClosed }) => isClosed)).to.deep.equal([false, false]);
    for (const peer of peers) peer.close();
  });

  it('survives garbage where a handshake should be', async () => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.0\r\n\r\n'),
      Buffer.alloc(5_000, 0xff),
      Buffer.from([22, 3, 1, 255, 255, 1, 0, 0, 0]),
    ])
      (await silent(alice.port.port)).write(bytes);

    await fetchOne('bob');
    await waitFor(() => alice.port.connections <= 1);
  });

  it('closes a peer that says nothing for 5 s, and one that sends a byte a second', async () => {
    const clock = new VirtualClock();
    const connections: PeerConnection[] = [];
    const port = await FilePort.listen({
      identity: alice.identity,
      host: '127.0.0.1',
      port: 0,
      clock,
      onPeer: (connection) => connections.push(connection),
    });
    world.onEnd(() => port.stop());
    const peer = { ...alice, port } as TestPeer;
    const quiet = await RawPeer.connect(peer, await world.identity('bob'));
    const slow = await RawPeer.connect(peer, await world.identity('carol'));
    await waitFor(() => connections.length === 2);
    for (let second = 0; second < 4; second += 1) {
      slow.socket.write('{');
      clock.advance(1_000);
    }
    expect([quiet.isClosed, slow.isClosed]).to.deep.equal([false, false]);
    clock.advance(1_000);

    await waitFor(() => quiet.isClosed && slow.isClosed);
  });

  it('closes an idle connection after two minutes, half-open ones included', async () => {
    const clock = new VirtualClock();
    const connections: PeerConnection[] = [];
    const port = await FilePort.listen({
      identity: alice.identity,
      host: '127.0.0.1',
      port: 0,
      clock,
      onPeer: (connection) => connections.push(connection),
    });
    world.onEnd(() => port.stop());
    const raw = await RawPeer.connect({ ...alice, port } as TestPeer, await world.identity('bob'));
    raw.line({ type: 'bye' });
    await waitFor(() => connections.length === 1);
    raw.line({ id: 1, type: 'open', ticket: 'x' });
    await raw.answer('error');
    clock.advance(119_000);
    expect(raw.isClosed).to.equal(false);
    clock.advance(1_000);

    await waitFor(() => raw.isClosed);
  });

  it('frees the place of a downloader that takes nothing any more, 30 s later', async () => {
    const big = await world.publish('big.bin', 32 * 1024 * 1024, { seed: 2 });
    alice.files.set(big.publicationId, sharedFile(big));
    const clock = new VirtualClock();
    const port = await FilePort.listen({
      identity: alice.identity,
      host: '127.0.0.1',
      port: 0,
      clock,
      onPeer: (connection) => alice.uploads.accept(connection),
    });
    world.onEnd(() => port.stop());
    const identity = await world.identity('bob');
    const raw = await RawPeer.connect({ ...alice, port } as TestPeer, identity);
    raw.line({ id: 1, type: 'open', ticket: world.ticketFor(big, identity.pin, { ticketId: 'T'.repeat(21) }) });
    await raw.answer('opened');
    raw.socket.pause();
    raw.line({ id: 2, type: 'chunks', ticketId: 'T'.repeat(21), first: 0, count: 128 });
    let sent = -1;
    // The buffers between both ends are full when nothing more leaves.
    await waitFor(async () => {
      const before = sent;
      sent = alice.uploads.sentBytes;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return sent > 0 && before === sent;
    });
    expect(alice.uploads.slots.running).to.equal(1);
    clock.advance(60_000);

    await waitFor(() => alice.uploads.slots.running === 0 && alice.uploads.served.size === 0);
    expect(sent).to.be.below(32 * 1024 * 1024);
    raw.close();
  });

  it('speaks TLS 1.3 with the hybrid key exchange', async () => {
    const { socket } = await connectPinned({
      host: '127.0.0.1',
      port: alice.port.port,
      pin: alice.identity.pin,
      alpn: 'shoal-peer/1',
      identity: await world.identity('bob'),
      timeoutMs: 5_000,
      signal: AbortSignal.timeout(30_000),
    });

    expect(socket.getProtocol()).to.equal('TLSv1.3');
    expect(socket.getEphemeralKeyInfo()).to.deep.include({ name: 'X25519MLKEM768' });
    socket.destroy();
  });
});

describe('FrameDecoder', () => {
  it('gives the same lines and bytes however the stream is cut', () => {
    const piece = fc.oneof(
      fc.record({ line: fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', '')) }),
      fc.record({ raw: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 10 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (pieces, cuts) => {
          const stream = Buffer.concat(
            pieces.map((part) =>
              'line' in part
                ? Buffer.from(`${JSON.stringify(part.line)}\n`)
                : Buffer.concat([Buffer.from(`#${part.raw.length}\n`), part.raw]),
            ),
          );
          const lines: string[] = [];
          const raw: Buffer[] = [];
          const decoder = new FrameDecoder({
            onLine: (line) => {
              if (line[0] !== 35) lines.push(line.toString());
              return line[0] === 35 ? Number(line.subarray(1).toString()) : 0;
            },
            onRaw: (bytes) => raw.push(Buffer.from(bytes)),
          });
          for (let at = 0, n = 0; at < stream.length; n += 1) {
            const step = cuts[n % cuts.length] as number;
            decoder.push(stream.subarray(at, at + step));
            at += step;
          }

          expect(lines).to.deep.equal(pieces.flatMap((part) => ('line' in part ? [JSON.stringify(part.line)] : [])));
          expect(
            Buffer.concat(raw).equals(Buffer.concat(pieces.flatMap((part) => ('raw' in part ? [part.raw] : [])))),
          ).to.equal(true);
        },
      ),
      { seed: seedFor('frames'), numRuns: 300 },
    );
  });
});

describe('WriteWatch', () => {
  let clock: VirtualClock;
  let stalls: number;
  let watch: WriteWatch;
  beforeEach(() => {
    clock = new VirtualClock();
    stalls = 0;
    watch = new WriteWatch(clock, () => {
      stalls += 1;
    });
  });

  it('reports a reader that takes nothing for 30 s', () => {
    watch.began(1_000);
    clock.advance(29_999);
    expect(stalls).to.equal(0);
    clock.advance(1);
    expect(stalls).to.equal(1);
  });

  it('reports one that takes less than 4 KiB/s, and not one that takes more', () => {
    for (const [bytesPerSecond, expected] of [
      [4_000, 1],
      [4_200, 0],
    ] as const) {
      stalls = 0;
      watch = new WriteWatch(clock, () => {
        stalls += 1;
      });
      watch.began(1);
      for (let second = 0; second < 29; second += 1) {
        clock.advance(1_000);
        watch.began(bytesPerSecond);
        watch.ended(bytesPerSecond);
      }
      watch.began(bytesPerSecond);
      watch.ended(bytesPerSecond);
      clock.advance(1_000);

      expect(stalls).to.equal(expected);
      watch.stop();
    }
  });

  it('finds a stall within 30 s of the last byte taken, whenever that was', () => {
    watch.began(1_000_000);
    watch.ended(500_000);
    clock.advance(20_000);
    watch.ended(100_000);
    clock.advance(29_999);
    expect(stalls).to.equal(0);
    clock.advance(1);
    expect(stalls).to.equal(1);
  });

  it('does not blame a reader that had taken everything meanwhile', () => {
    watch.began(10);
    watch.ended(10);
    clock.advance(29_000);
    watch.began(10);
    clock.advance(1_000);

    expect(stalls).to.equal(0);
  });
});
