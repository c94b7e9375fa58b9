import { expect } from 'chai';

import type { ChunkRanges } from '../../common/protocol/peer-messages.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { Identity } from '../../common/wire/identity.js';
import { type Publication, sharedFile, type TestPeer, World } from '../download/swarm-fixture.js';
import { waitFor } from '../support/wait-for.js';
import { RawPeer } from './raw-peer.js';

const MIB = 1024 * 1024;
const TICKET_ID = 'T'.repeat(21);

describe('A downloader that does not read', () => {
  let world: World;
  let clock: VirtualClock;
  let publication: Publication;
  let alice: TestPeer;
  let bob: Identity;
  let raw: RawPeer;
  beforeEach(async () => {
    world = await World.open();
    clock = new VirtualClock();
    publication = await world.publish('big.bin', 32 * MIB);
    alice = await world.peer('alice', [publication], { clock });
    bob = await world.identity('bob');
  });
  afterEach(async () => {
    raw.close();
    await world[Symbol.asyncDispose]();
  });

  /** Asks for everything, reads nothing of it, and resolves when the buffers between both ends are full. */
  async function clog(): Promise<void> {
    raw = await RawPeer.connect(alice, bob);
    raw.line({ id: 1, type: 'open', ticket: world.ticketFor(publication, bob.pin, { ticketId: TICKET_ID }) });
    await raw.answer('opened');
    raw.socket.pause();
    raw.line({ id: 2, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 128 });
    let sent = -1;
    await waitFor(async () => {
      const before = sent;
      sent = alice.uploads.sentBytes;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return sent > 0 && before === sent;
    });
  }

  it('is closed before the answers it asks for fill much memory', async () => {
    await clog();
    // Each is answered with about 120 bytes that say "busy": less than 1 MiB in all.
    for (let id = 3; id < 8_000; id += 1) raw.line({ id, type: 'chunks', ticketId: TICKET_ID, first: 0, count: 1 });

    await waitFor(() => alice.port.connections === 0);
  });

  it('is not closed for news that we send by ourselves, and gets each once when it reads on', async () => {
    const listeners = new Set<(index: number) => void>();
    alice.files.set(publication.publicationId, {
      ...sharedFile(publication),
      have: () => [[0, 128]],
      onHave: (fn) => {
        listeners.add(fn);
        return () => listeners.delete(fn);
      },
    });
    await clog();
    for (let second = 1; second <= 60; second += 1) {
      for (let index = 0; index < 300; index += 1) for (const tell of listeners) tell(1_000 * second + 2 * index);
      clock.advance(1_000);
    }
    expect(alice.port.connections).to.equal(1);

    raw.socket.resume();
    await raw.answer('end', 2);
    const told = (): number[] =>
      raw.answers
        .filter(({ type }) => type === 'have')
        .flatMap(({ have }) => (have as ChunkRanges).map(([from]) => from));
    await waitFor(() => {
      clock.advance(1_000);
      return told().length >= 60 * 300;
    });
    expect(new Set(told()).size).to.equal(60 * 300);
    expect(told()).to.have.length(60 * 300);
  });
});
