import { readFile } from 'node:fs/promises';

import { expect } from 'chai';

import type { Ticket } from '../../common/protocol/peer-messages.js';
import type { Identity } from '../../common/wire/identity.js';
import { signTicket } from '../../common/wire/ticket.js';
import { type Publication, sharedFile, type TestPeer, World } from '../download/swarm-fixture.js';
import { waitFor } from '../support/wait-for.js';
import { RawPeer } from './raw-peer.js';

const CHUNK = 256 * 1024;
const MIB = 1024 * 1024;

describe('Uploads', () => {
  let world: World;
  let publication: Publication;
  let alice: TestPeer;
  let bob: Identity;
  let raw: RawPeer;
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('file.bin', 4 * CHUNK + 3);
    alice = await world.peer('alice', [publication]);
    bob = await world.identity('bob');
    raw = await RawPeer.connect(alice, bob);
  });
  afterEach(async () => {
    raw.close();
    await world[Symbol.asyncDispose]();
  });

  const TICKET_ID = 'T'.repeat(21);
  /** Opens and asks for everything; resolves with the opened line. */
  async function opened(changes: Partial<Ticket> = {}): Promise<void> {
    raw.line({
      id: 1,
      type: 'open',
      ticket: world.ticketFor(publication, bob.pin, { ticketId: TICKET_ID, ...changes }),
    });
    await raw.answer('opened', 1);
  }
  const chunks = (id: number, first: number, count: number): void =>
    raw.line({ id, type: 'chunks', ticketId: TICKET_ID, first, count });

  it('sends the manifest and the chunks that are asked for, in order and without gaps', async () => {
    await opened();
    raw.line({ id: 2, type: 'manifest', ticketId: TICKET_ID });
    chunks(3, 1, 4);
    await raw.answer('end', 3);

    const [manifest, ...content] = raw.answers.filter(({ type }) => type === 'run');
    expect(manifest).to.deep.equal({ type: 'run', id: 2, offset: 0, bytes: 5 * 32 });
    expect(content[0]?.['offset']).to.equal(CHUNK);
    const all = Buffer.concat(raw.bytes);
    expect(all.subarray(0, 160).equals(Buffer.from(publication.hashed.hashes))).to.equal(true);
    expect(all.subarray(160).equals((await readFile(publication.path)).subarray(CHUNK))).to.equal(true);
  });

  describe('without a ticket that is good for exactly this', () => {
    const tickets: [string, string, () => Promise<string> | string][] = [
      ['of another device', 'bad-ticket', async () => world.ticketFor(publication, (await world.identity('eve')).pin)],
      ['that has expired', 'ticket-expired', () => world.ticketFor(publication, bob.pin, { notAfter: Date.now() - 1 })],
      [
        'that was revoked',
        'ticket-revoked',
        () => {
          world.revoked.add('R'.repeat(21));
          return world.ticketFor(publication, bob.pin, { ticketId: 'R'.repeat(21) });
        },
      ],
      [
        'of a user who was disabled',
        'ticket-revoked',
        () => {
          world.revoked.add('reader');
          return world.ticketFor(publication, bob.pin);
        },
      ],
      [
        'for another publication of the same content',
        'not-found',
        () => world.ticketFor(publication, bob.pin, { publicationId: 'P'.repeat(21) }),
      ],
      ['for another content', 'not-found', () => world.ticketFor(publication, bob.pin, { fileId: 'ab'.repeat(32) })],
      ['for another size', 'not-found', () => world.ticketFor(publication, bob.pin, { size: 5 })],
      ['that somebody else signed', 'bad-ticket', async () => signedBy(await world.identity('eve'))],
      [
        'of which one character was changed',
        'bad-ticket',
        () => {
          const text = world.ticketFor(publication, bob.pin);
          return `${text.slice(0, 40)}${text[40] === 'A' ? 'B' : 'A'}${text.slice(41)}`;
        },
      ],
      ['that is no ticket', 'bad-ticket', () => 'hello'],
      ['that is empty', 'bad-ticket', () => ''],
    ];
    for (const [what, code, make] of tickets) {
      it(`answers a ticket ${what} with ${code} and no byte`, async () => {
        raw.line({ id: 1, type: 'open', ticket: await make() });
        raw.line({ id: 2, type: 'manifest', ticketId: TICKET_ID });
        chunks(3, 0, 1);

        expect(await raw.errorCode(1)).to.equal(code);
        expect(await raw.errorCode(3)).to.equal('bad-ticket');
        expect(raw.received).to.equal(0);
        expect(alice.uploads.sentBytes).to.equal(0);
      });
    }

    function signedBy(identity: Identity): string {
      const ticket: Ticket = {
        v: 1,
        ticketId: TICKET_ID,
        publicationId: publication.publicationId,
        fileId: publication.fileId,
        size: publication.size,
        user: 'reader',
        device: bob.pin,
        limits: {},
        issuedAt: Date.now(),
        notAfter: Date.now() + 60_000,
      };
      return signTicket(ticket, identity);
    }

    it('closes after a few bad tickets', async () => {
      for (let id = 1; id <= 8; id += 1) raw.line({ id, type: 'open', ticket: 'bad' });

      await raw.closed();
    });

    it('serves nobody who shows no device', async () => {
      const stranger = await RawPeer.connect(alice, undefined);
      await stranger.closed();

      expect(stranger.answers).to.deep.equal([]);
    });
  });

  it('judges the ticket again at every request', async () => {
    await opened({ notAfter: Date.now() + 60_000 });
    world.trackerOffsetMs = 61_000;
    chunks(2, 0, 1);

    expect(await raw.errorCode(2)).to.equal('ticket-expired');
  });

  it('cuts a running upload when its ticket is revoked', async () => {
    const big = await world.publish('big.bin', 8 * MIB, { seed: 2 });
    const carol = await world.peer('carol', [big], { uploadLimitBytesPerSecond: 2 * MIB });
    const slow = await RawPeer.connect(carol, bob);
    slow.line({ id: 1, type: 'open', ticket: world.ticketFor(big, bob.pin, { ticketId: TICKET_ID }) });
    slow.line({ id: 2, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 32 });
    await waitFor(() => slow.received > 0);
    world.revoked.add(TICKET_ID);
    carol.uploads.recheck();

    expect(await slow.errorCode(2)).to.equal('ticket-revoked');
    expect(slow.received).to.be.below(2 * MIB);
    slow.close();
  });

  for (const [what, first, count] of [
    ['beyond the end', 5, 1],
    ['across the end', 4, 2],
    ['far away', 65_535, 1],
  ] as const) {
    it(`answers a request for chunks ${what} with no-chunk`, async () => {
      await opened();
      chunks(2, first, count);

      expect(await raw.errorCode(2)).to.equal('no-chunk');
    });
  }

  it('answers with no-chunk what a partial source does not have', async () => {
    alice.files.set(publication.publicationId, sharedFile(publication, [[0, 2]]));
    await opened();
    chunks(2, 1, 2);
    chunks(3, 0, 2);

    expect(await raw.errorCode(2)).to.equal('no-chunk');
    await raw.answer('end', 3);
  });

  it('stops answering what is cancelled, and goes on with the next request', async () => {
    const big = await world.publish('big.bin', 8 * MIB, { seed: 2 });
    const carol = await world.peer('carol', [big], { uploadLimitBytesPerSecond: 4 * MIB });
    const slow = await RawPeer.connect(carol, bob);
    slow.line({ id: 1, type: 'open', ticket: world.ticketFor(big, bob.pin, { ticketId: TICKET_ID }) });
    slow.line({ id: 2, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 32 });
    slow.line({ id: 3, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 32 });
    slow.line({ id: 4, type: 'chunks', ticketId: TICKET_ID, first: 3, count: 1 });
    await waitFor(() => slow.received > 0);
    slow.line({ type: 'cancel', id: 3 });
    slow.line({ type: 'cancel', id: 2 });

    expect(await slow.errorCode(2)).to.equal('cancelled');
    expect(await slow.errorCode(3)).to.equal('cancelled');
    await slow.answer('end', 4);
    expect(slow.received).to.be.below(4 * MIB);
    slow.close();
  });

  describe('and hostile lines', () => {
    const lines: [string, Buffer | string][] = [
      ['a line of 64 KiB and one byte', Buffer.alloc(65_537, 0x20)],
      ['binary garbage', Buffer.from([0, 1, 2, 255, 254, 10])],
      ['NUL bytes', Buffer.concat([Buffer.alloc(100), Buffer.from('\n')])],
      ['an empty line', '\n'],
      ['an array', '[]\n'],
      ['deep JSON', `${'{"a":'.repeat(50)}1${'}'.repeat(50)}\n`],
      ['an unknown type', '{"id":1,"type":"files"}\n'],
      ['a run nobody asked for', '{"type":"run","id":1,"offset":0,"bytes":4194304}\n'],
      ['a run of more than 4 MiB', '{"type":"run","id":1,"offset":0,"bytes":4194305}\n'],
      ['an answer nobody asked for', '{"type":"end","id":9}\n'],
      ['a path for a ticket id', '{"id":1,"type":"manifest","ticketId":"../../../etc/passwd"}\n'],
      ['a negative chunk', `{"id":1,"type":"chunks","ticketId":"${TICKET_ID}","first":-1,"count":1}\n`],
      ['half a chunk', `{"id":1,"type":"chunks","ticketId":"${TICKET_ID}","first":0.5,"count":1}\n`],
      ['no chunks', `{"id":1,"type":"chunks","ticketId":"${TICKET_ID}","first":0,"count":0}\n`],
      ['a number that is infinite', `{"id":1e400,"type":"chunks","ticketId":"${TICKET_ID}","first":0,"count":1}\n`],
      ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ];
    for (const [what, bytes] of lines) {
      it(`closes the connection that sends ${what}, and goes on serving others`, async () => {
        raw.socket.write(bytes);
        await raw.closed();
        raw = await RawPeer.connect(alice, bob);
        await opened();
        chunks(2, 0, 1);

        await raw.answer('end', 2);
        expect(raw.received).to.equal(CHUNK);
      });
    }

    it('answers "busy" to more requests than may wait', async () => {
      await opened();
      for (let id = 2; id < 80; id += 1) chunks(id, 0, 5);
      await waitFor(() => raw.answers.filter(({ type }) => type === 'end' || type === 'error').length === 78);

      const codes = new Set(
        raw.answers.filter(({ type }) => type === 'error').map((answer) => (answer['error'] as { code: string }).code),
      );
      expect([...codes]).to.deep.equal(['busy']);
    });
  });

  it('shows each downloader the place in the queue, and serves users in turn', async () => {
    const big = await world.publish('big.bin', 2 * MIB, { seed: 2 });
    const carol = await world.peer('carol', [big], {
      uploadLimitBytesPerSecond: 8 * MIB,
      maxActive: 1,
      maxActivePerUser: 1,
    });
    const peers: RawPeer[] = [];
    for (const user of ['greedy', 'greedy', 'greedy', 'modest']) {
      const peer = await RawPeer.connect(carol, bob);
      peer.line({ id: 1, type: 'open', ticket: world.ticketFor(big, bob.pin, { ticketId: TICKET_ID, user }) });
      await peer.answer('opened');
      peer.line({ id: 2, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 8 });
      peers.push(peer);
      await waitFor(() => peer.received > 0 || peer.answers.some(({ type }) => type === 'queued'));
    }
    const order: string[] = [];
    await Promise.all(
      peers.map(async (peer, index) => {
        await peer.answer('end', 2);
        order.push(`${index}`);
      }),
    );

    expect(order.indexOf('3'), 'one request of a modest user goes before the third of a greedy one').to.be.below(
      order.indexOf('2'),
    );
    const isTold = peers.map((peer) => peer.answers.some(({ type }) => type === 'queued'));
    expect(isTold.slice(0, 3)).to.deep.equal([false, true, true]);
    for (const peer of peers) peer.close();
  });

  it('tells those who wait when their turn comes, once it is known how fast it goes', async () => {
    const big = await world.publish('big.bin', 2 * MIB, { seed: 2 });
    const carol = await world.peer('carol', [big], { uploadLimitBytesPerSecond: 8 * MIB, maxActive: 1 });
    const first = await RawPeer.connect(carol, bob);
    const second = await RawPeer.connect(carol, bob);
    for (const [n, peer] of [first, second].entries()) {
      const ticket = world.ticketFor(big, bob.pin, { ticketId: TICKET_ID, user: `user${n}` });
      peer.line({ id: 1, type: 'open', ticket });
      await peer.answer('opened');
    }
    first.line({ id: 2, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 8 });
    await first.answer('end', 2);
    first.line({ id: 3, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 8 });
    second.line({ id: 2, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 8 });

    const queued = await second.answer('queued');

    // A turn is a quarter of a second at that rate; how right it is, `test/file-port/turn-line.test.ts` shows with a clock of its own.
    expect(queued).to.include({ position: 1 });
    expect(queued['etaMs']).to.be.within(1, 5_000);
    first.close();
    second.close();
  });

  it('keeps to its rate limit', async () => {
    const big = await world.publish('big.bin', 2 * MIB, { seed: 2 });
    const carol = await world.peer('carol', [big], { uploadLimitBytesPerSecond: 2 * MIB });
    const peer = await RawPeer.connect(carol, bob);
    const startedAt = performance.now();
    peer.line({ id: 1, type: 'open', ticket: world.ticketFor(big, bob.pin, { ticketId: TICKET_ID }) });
    peer.line({ id: 2, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 8 });
    await peer.answer('end', 2);

    expect(performance.now() - startedAt).to.be.at.least(900);
    peer.close();
  });

  it('says goodbye and ends all uploads within 2 s when it stops, not when they are done', async () => {
    const big = await world.publish('big.bin', 8 * MIB, { seed: 2 });
    const carol = await world.peer('carol', [big], { uploadLimitBytesPerSecond: MIB });
    const peer = await RawPeer.connect(carol, bob);
    peer.line({ id: 1, type: 'open', ticket: world.ticketFor(big, bob.pin, { ticketId: TICKET_ID }) });
    peer.line({ id: 2, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 32 });
    await waitFor(() => peer.received > 0);

    await carol.uploads.stop();

    expect(peer.received).to.be.below(4 * MIB);
    await peer.closed();
    expect(peer.answers.some(({ type }) => type === 'bye')).to.equal(true);
    expect(carol.uploads.served.size).to.equal(0);
  });

  it('lists who takes what, how fast', async () => {
    await opened({ user: 'bob' });
    chunks(2, 0, 5);
    await raw.answer('end', 2);

    expect(alice.uploads.rows()).to.have.length(1);
    expect(alice.uploads.rows()[0]).to.deep.include({ name: 'file.bin', user: 'bob', sentBytes: publication.size });
    expect(alice.uploads.sentBytes).to.equal(publication.size);
  });

  it('keeps one descriptor a file, however many fetch it', async () => {
    const peers = await Promise.all(Array.from({ length: 20 }, () => RawPeer.connect(alice, bob)));
    for (const [index, peer] of peers.entries()) {
      peer.line({
        id: 1,
        type: 'open',
        ticket: world.ticketFor(publication, bob.pin, { ticketId: `${index}`.padStart(21, '0') }),
      });
      await peer.answer('opened');
    }

    expect(alice.uploads.served.size).to.equal(1);
    for (const peer of peers) peer.close();
    await waitFor(() => alice.uploads.served.size === 0);
  });
});
