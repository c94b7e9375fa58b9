import { randomBytes } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import type { ServeHandle } from '../support/program.js';
import { sha256File } from '../support/temp.js';
import { sendDatagram, shout, tell } from './noise.js';
import { newId, type RawSession } from './raw-session.js';
import { World } from './world.js';

const NOISE: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'one zero': Buffer.alloc(1),
  'a megabyte of zeros': Buffer.alloc(1024 * 1024),
  'random bytes': randomBytes(4096),
  'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  'plain JSON': Buffer.from('{"v":1,"id":"a","type":"login"}\n'),
  'the start of a TLS handshake': Buffer.from('16030102000100', 'hex'),
};

/** After TLS, in the lane's own words. */
const BAD_LINES: Readonly<Record<string, string>> = {
  'no JSON': 'hello\n',
  'an empty line': '\n',
  'a number': '5\n',
  'an array': '[]\n',
  'no id': '{"v":1,"type":"heartbeat"}\n',
  'a deep value': `${'{"a":'.repeat(60)}1${'}'.repeat(60)}\n`,
  'a prototype': '{"v":1,"id":"a","type":"heartbeat","__proto__":{"ok":true}}\n',
  'not UTF-8': '{"v":1,"id":"\xff","type":"heartbeat"}\n',
  'a huge number': '{"v":1,"id":"a","type":"revocations","since":1e400}\n',
  'a line without an end': 'x'.repeat(2 * 1024 * 1024),
  'before login': '{"v":1,"id":"a","type":"lap"}\n{"v":1,"id":"b","type":"listPeers"}\n',
};

describe('noise on the ports', () => {
  let world: World;
  let alice: ServeHandle;
  let observer: RawSession;

  before(async () => {
    world = await World.open();
    alice = await world.serve('alice');
    await world.publish('alice', await world.file('alice', 'good.bin', 1000));
    observer = await world.rawSession('bob');
  });

  after(async () => {
    observer[Symbol.dispose]();
    await world.end();
  });

  /** Everything is alive and does its work. */
  afterEach(async () => {
    expect(world.tracker.process.ended).to.equal(undefined);
    expect(alice.process.ended).to.equal(undefined);
    const found = await observer.request('search', { text: 'good.bin' });
    expect(found).to.have.nested.property('publications[0].sources', 1);
  });

  for (const [what, bytes] of Object.entries(NOISE)) {
    it(`survives ${what} on the tracker's TCP and UDP port and on the file port`, async () => {
      await shout(world.tracker.port, bytes);
      await shout(alice.port, bytes);
      const replies = await sendDatagram(world.tracker.port, bytes.subarray(0, 1400));

      expect(replies, 'nobody unproven is answered').to.deep.equal([]);
    });
  }

  for (const [what, line] of Object.entries(BAD_LINES)) {
    it(`survives ${what} inside TLS, on the tracker and on the file port`, async () => {
      const identity = await loadOrCreateIdentity(world.path('stranger.pem'), { commonName: 'test' });
      const bytes = Buffer.from(line, 'latin1');

      const fromTracker = await tell({ ...world.tracker, alpn: 'shoal-tracker/1' }, bytes);
      const fromPeer = await tell({ ...alice, alpn: 'shoal-peer/1', identity }, bytes);

      expect(fromTracker.length, fromTracker).to.be.at.most(4096);
      expect(fromPeer.length, fromPeer).to.be.at.most(4096);
      expect(fromTracker + fromPeer).not.to.match(/"ok":true|"opened"|at .+:\d+:\d+/);
    });
  }

  it('sends no byte of a file to forged, foreign and missing tickets', async () => {
    const identity = await loadOrCreateIdentity(world.path('stranger.pem'), { commonName: 'test' });
    const tickets = [
      'eyJ2IjoxfQ.AAAA',
      `${Buffer.from('{"v":1}').toString('base64url')}.${randomBytes(64).toString('base64url')}`,
      '',
      '.',
      await foreignTicket(),
    ];
    for (const ticket of tickets) {
      const open = `${JSON.stringify({ id: 1, type: 'open', ticket })}\n${JSON.stringify({ id: 2, type: 'chunks', ticketId: newId().padEnd(21, 'x').slice(0, 21), first: 0, count: 1 })}\n`;

      const said = await tell({ ...alice, alpn: 'shoal-peer/1', identity }, Buffer.from(open));

      expect(said, ticket).not.to.match(/"opened"|"run"/);
    }
  });

  it('keeps its answers no longer than the question until an address is proven', async () => {
    for (const length of [0, 1, 2, 18, 600, 1199, 1200, 1201]) {
      const hello = Buffer.alloc(length);
      if (length > 1) hello.set([1, 1]);
      const replies = await sendDatagram(world.tracker.port, hello);

      expect(replies.length).to.be.at.most(length === 1200 ? 1 : 0);
      for (const reply of replies) expect(reply.length).to.be.at.most(length);
    }
  });

  it('serves on beside 300 connections that say nothing', async () => {
    const sockets = Array.from({ length: 300 }, (_, index) => {
      const socket = connectTcp(index % 2 === 0 ? world.tracker.port : alice.port, '127.0.0.1');
      return socket.on('error', () => undefined); // refused or cut: that is what this is about
    });
    try {
      const done = await world.cli('bob', ['get', 'good.bin', '--as', 'beside.bin', '--force']);
      expect(done.code, done.stderr).to.equal(0);
      world.noteContent('beside.bin', await goodHash());
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  /** A right ticket for alice's file, but of bob's device, not of the one that shows it. */
  async function foreignTicket(): Promise<string> {
    using session = await world.rawSession('bob');
    const found = await session.request('search', { text: 'good.bin' });
    const publicationId = found.ok ? found.publications[0]?.publicationId : undefined;
    const reply = await session.request('sources', { publicationId: publicationId ?? '', ticket: true });
    if (!reply.ok || reply.ticket === undefined) throw new Error('no ticket');
    return reply.ticket;
  }

  async function goodHash(): Promise<string> {
    return sha256File(join(world.place('alice').files, 'good.bin'));
  }
});
