import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { expect } from 'chai';

import { FilePort } from '../../peer/file-port/file-port.js';
import { sourceOf } from '../../peer/file-port/source-of.js';
import { type Publication, type TestPeer, World } from '../download/swarm-fixture.js';
import { waitFor } from '../support/wait-for.js';
import { RawPeer } from '../upload/raw-peer.js';

const PLACES = 24;
/** Places of one user that are never given to others. */
const SHARE = 16;

describe('The places of a file port', () => {
  let world: World;
  let publication: Publication;
  let alice: TestPeer;
  const sockets: Socket[] = [];
  const peers: RawPeer[] = [];
  beforeEach(async () => {
    world = await World.open();
    publication = await world.publish('file.bin', 100_000);
    const served = await world.peer('alice', [publication]);
    const port = await FilePort.listen({
      identity: served.identity,
      host: '127.0.0.1',
      port: 0,
      maxConnections: PLACES,
      onPeer: (connection) => served.uploads.accept(connection),
    });
    world.onEnd(() => port.stop());
    alice = { ...served, port };
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const peer of peers.splice(0)) peer.close();
    await world[Symbol.asyncDispose]();
  });

  async function proven(user: string): Promise<RawPeer> {
    const identity = await world.identity(user);
    const raw = await RawPeer.connect(alice, identity);
    peers.push(raw);
    raw.line({
      id: 1,
      type: 'open',
      ticket: world.ticketFor(publication, identity.pin, { user, ticketId: 'T'.repeat(21) }),
    });
    await raw.answer('opened');
    return raw;
  }

  async function fetchOne(user: string): Promise<void> {
    const raw = await proven(user);
    raw.line({ id: 2, type: 'chunks', ticketId: 'T'.repeat(21), first: 0, count: 1 });
    await raw.answer('end', 2);
  }

  async function silent(localAddress: string): Promise<Socket> {
    const socket = connect({ port: alice.port.port, host: '127.0.0.1', localAddress });
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  it('are not kept from others by one user with one ticket', async () => {
    const greedy: RawPeer[] = [];
    for (let n = 0; n < PLACES; n += 1) greedy.push(await proven('mallory'));

    await fetchOne('bob');
    await fetchOne('carol');

    expect(greedy.map(({ isClosed }) => isClosed).indexOf(false), 'the oldest of hers are closed').to.equal(2);
    expect(greedy.filter(({ isClosed }) => isClosed)).to.have.length(2);
  });

  it('stay with whoever holds no more than a fair share', async () => {
    const fair: RawPeer[] = [];
    for (let n = 0; n < SHARE; n += 1) fair.push(await proven('bob'));
    for (let n = 0; n < 2 * PLACES; n += 1) await proven('mallory').catch(() => undefined);
    for (let n = 0; n < 2 * PLACES; n += 1) await silent('127.0.0.1');
    await waitFor(() => alice.port.connections === PLACES);

    expect(fair.map(({ isClosed }) => isClosed)).to.deep.equal(fair.map(() => false));
  });

  it('are not taken from a peer that shakes hands by a flood from another address', async function () {
    if (process.platform !== 'linux') return this.skip(); // Elsewhere this machine has one loopback address only.
    const honest = await silent('127.0.0.1');
    for (let n = 0; n < 3 * PLACES; n += 1) await silent('127.0.0.2');
    await waitFor(() => sockets.filter(({ destroyed }) => destroyed).length >= 2 * PLACES);

    expect(honest.destroyed).to.equal(false);
    await fetchOne('bob');
  });

  for (const [address, source] of [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['', ''],
  ] as const) {
    it(`count ${address === '' ? 'an unknown address' : address} as ${source === '' ? 'itself' : source}`, () => {
      expect(sourceOf(address)).to.equal(source);
    });
  }
});
