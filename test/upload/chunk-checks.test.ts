import { open, readFile } from 'node:fs/promises';

import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import type { Identity } from '../../common/wire/identity.js';
import { type Publication, sharedFile, type TestPeer, World } from '../download/swarm-fixture.js';
import { waitFor } from '../support/wait-for.js';
import { RawPeer } from './raw-peer.js';

const CHUNK = 256 * 1024;
const CHUNKS = 40;
const TICKET_ID = 'T'.repeat(21);

describe('Reports of bad chunks', () => {
  let world: World;
  let clock: VirtualClock;
  let publication: Publication;
  let alice: TestPeer;
  let bob: Identity;
  let raw: RawPeer;
  beforeEach(async () => {
    world = await World.open();
    clock = new VirtualClock();
    publication = await world.publish('file.bin', CHUNKS * CHUNK);
    alice = await world.peer('alice', [publication], { clock });
    bob = await world.identity('bob');
    raw = await opened();
  });
  afterEach(async () => {
    raw.close();
    await world[Symbol.asyncDispose]();
  });

  async function opened(): Promise<RawPeer> {
    const peer = await RawPeer.connect(alice, bob);
    peer.line({ id: 1, type: 'open', ticket: world.ticketFor(publication, bob.pin, { ticketId: TICKET_ID }) });
    await peer.answer('opened');
    return peer;
  }

  let lastId = 1;
  /** Reports a chunk and waits until whatever that starts has had time to read it. */
  async function report(peer: RawPeer, index: number): Promise<void> {
    peer.line({ type: 'bad-chunk', ticketId: TICKET_ID, index });
    for (let n = 0; n < 3; n += 1) {
      lastId += 1;
      peer.line({ id: lastId, type: 'manifest', ticketId: TICKET_ID });
      await waitFor(() => peer.answers.some(({ type, id }) => type !== 'run' && id === lastId));
    }
  }

  async function rot(index: number): Promise<void> {
    const file = await open(publication.path, 'r+');
    await file.write(Buffer.from('rot'), 0, 3, index * CHUNK);
    await file.close();
  }

  describe('cost the disk little', () => {
    before(function () {
      if (process.platform !== 'linux') this.skip(); // Only there a process is told how much it has read.
    });

    /** Bytes that this process has read so far, by whatever system call. */
    async function bytesRead(): Promise<number> {
      return Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
    }

    it('however many of them come, over however many connections', async () => {
      const before = await bytesRead();
      for (let round = 0; round < 4; round += 1) {
        const peer = await opened();
        for (let index = 0; index < CHUNKS; index += 1) await report(peer, index);
        peer.close();
      }

      expect((await bytesRead()) - before).to.be.below(16 * CHUNK);
      expect(alice.changed).to.deep.equal([]);
    });

    it('when a chunk is reported again that was found right a moment ago', async () => {
      await report(raw, 7);
      const before = await bytesRead();
      for (let n = 0; n < 6; n += 1) await report(raw, 7);

      // Six chunks if each report were looked at; on a busy machine the first look may end only now.
      expect((await bytesRead()) - before).to.be.below(2 * CHUNK);
    });
  });

  it('are taken again after a minute from who has sent too many', async () => {
    for (let n = 0; n < 20; n += 1) await report(raw, n);
    await rot(30);
    clock.advance(60_000);
    await report(raw, 30);

    await raw.answer('changed');
    expect(alice.changed).to.deep.equal([publication.publicationId]);
  });

  it('about a part that is not there yet accuse nobody', async () => {
    alice.files.set(publication.publicationId, sharedFile(publication, [[0, 2]]));
    const peer = await opened();
    await rot(5);
    await report(peer, 5);
    await report(peer, 5);

    expect(alice.changed).to.deep.equal([]);
    expect(peer.answers.filter(({ type }) => type === 'changed')).to.deep.equal([]);
    peer.close();
  });
});
