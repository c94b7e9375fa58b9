import { expect } from 'chai';

import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { evilSource } from './evil-source.js';
import { requestFor, sharedFile, World } from './swarm-fixture.js';

const CHUNK = 256 * 1024;
const MIB = 1024 * 1024;
const forever = { signal: new AbortController().signal };

describe('Download from several sources', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('takes from two sources at once and is about twice as fast as either', async () => {
    const publication = await world.publish('film.bin', 12 * MIB);
    const limited = { uploadLimitBytesPerSecond: 4 * MIB };
    await world.peer('alice', [publication], limited);
    await world.peer('carol', [publication], limited);
    const reader = await world.downloads('bob', [publication]);
    const startedAt = performance.now();

    const row = await reader.downloads.get(requestFor(publication, reader.folder), forever);

    const seconds = (performance.now() - startedAt) / 1_000;
    expect(await sameBytes(publication.path, row.path)).to.equal(true);
    expect(seconds, 'one source alone needs 3 s').to.be.below(2.4);
    expect(row.sources.map(({ verifiedBytes }) => verifiedBytes > 3 * MIB)).to.deep.equal([true, true]);
    expect(row.receivedBytes, 'few chunks are fetched twice at the end').to.be.at.most(12 * MIB + 2 * CHUNK);
  });

  it('goes on with the others when a source dies, and fetches at most one chunk again', async () => {
    const publication = await world.publish('film.bin', 16 * MIB);
    const limited = { uploadLimitBytesPerSecond: 16 * MIB };
    const alice = await world.peer('alice', [publication], limited);
    await world.peer('carol', [publication], limited);
    const reader = await world.downloads('bob', [publication]);
    let isKilled = false;
    const onProgress = ({ doneBytes }: { doneBytes: number }): void => {
      if (isKilled || doneBytes < 5 * MIB) return;
      isKilled = true;
      void alice.port.stop();
    };

    const row = await reader.downloads.get(requestFor(publication, reader.folder), { ...forever, onProgress });

    expect(isKilled).to.equal(true);
    expect(await sameBytes(publication.path, row.path)).to.equal(true);
    expect(row.receivedBytes).to.be.at.most(16 * MIB + 2 * CHUNK);
    expect(row.sources.find(({ user }) => user === 'alice')?.state).to.equal('dropped');
  });

  it('puts together what partial sources have between them', async () => {
    const publication = await world.publish('film.bin', 8 * CHUNK + 5);
    const alice = await world.peer('alice', []);
    const carol = await world.peer('carol', []);
    alice.files.set(
      'a',
      sharedFile(publication, [
        [0, 3],
        [5, 6],
      ]),
    );
    carol.files.set(
      'c',
      sharedFile(publication, [
        [2, 5],
        [6, 9],
      ]),
    );
    world.list(publication, { ...alice.offer(), has: 'part' }, { ...carol.offer(), has: 'part' });
    const reader = await world.downloads('bob', [publication]);

    const row = await reader.downloads.get(requestFor(publication, reader.folder), forever);

    expect(await sameBytes(publication.path, row.path)).to.equal(true);
    expect(row.receivedBytes - (row.duplicateBytes ?? 0)).to.equal(publication.size);
  });

  it('serves what it has to others while it is itself still fetching', async () => {
    const publication = await world.publish('film.bin', 8 * MIB);
    const alice = await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 4 * MIB });
    const bob = await world.downloads('bob', [publication], { isSharing: true });
    const bobsPort = await world.peer('bob', [], { files: bob.downloads.shared });
    const getting = bob.downloads.get(requestFor(publication, bob.folder), forever);
    await waitFor(() => world.holds.includes('part') && (bob.downloads.rows()[0]?.doneBytes ?? 0) > MIB);
    world.sources.set(publication.publicationId, [{ ...bobsPort.offer(), has: 'part' }]);
    const dave = await world.downloads('dave', [publication]);
    const part = dave.downloads.get(requestFor(publication, dave.folder), forever);
    await waitFor(() => (dave.downloads.rows()[0]?.doneBytes ?? 0) > 4 * CHUNK, {
      what: 'dave to get chunks that bob has',
    });
    world.list(publication, alice.offer());

    await Promise.all([getting, part]);

    expect(bobsPort.uploads.sentBytes).to.be.greaterThan(4 * CHUNK);
    expect(await sameBytes(publication.path, `${dave.folder}/film.bin`)).to.equal(true);
    await waitFor(() => world.holds.at(-1) === 'none');
  });

  it('starts from a living source at once although another one does not answer', async () => {
    const publication = await world.publish('film.bin', 3 * CHUNK);
    const alice = await world.peer('alice', [publication]);
    // TEST-NET-1: packets to it go nowhere.
    world.list(publication, {
      ...alice.offer(),
      user: 'ghost',
      device: '0'.repeat(64),
      addresses: [{ host: '192.0.2.1', port: 9 }],
    });
    const reader = await world.downloads('bob', [publication]);
    const startedAt = performance.now();

    await reader.downloads.get(requestFor(publication, reader.folder), forever);

    expect(performance.now() - startedAt).to.be.below(4_000);
  });

  it('reaches a source by its second address when the first is dead', async () => {
    const publication = await world.publish('film.bin', 3 * CHUNK);
    const alice = await world.peer('alice', [publication]);
    world.sources.set(publication.publicationId, [
      { ...alice.offer(), addresses: [{ host: '192.0.2.1', port: 9 }, ...alice.offer().addresses] },
    ]);
    const reader = await world.downloads('bob', [publication]);
    const startedAt = performance.now();

    await reader.downloads.get(requestFor(publication, reader.folder), forever);

    expect(performance.now() - startedAt).to.be.below(3_000);
  });

  it('sends nothing to a device with another key than the tracker said', async () => {
    const publication = await world.publish('film.bin', 3 * CHUNK);
    const impostor = await evilSource(world, publication, {});
    world.sources.set(publication.publicationId, [{ ...impostor.offer, device: 'ab'.repeat(32) }]);
    const reader = await world.downloads('bob', [publication]);
    const stop = new AbortController();
    const getting = reader.downloads.get(requestFor(publication, reader.folder), { signal: stop.signal });
    await waitFor(() => reader.downloads.rows()[0]?.sources[0]?.problem !== undefined);

    stop.abort();
    await getting.catch(() => undefined);

    expect(impostor.lines).to.deep.equal([]);
  });

  it('waits for a source that went away and finishes when it comes back', async () => {
    const publication = await world.publish('film.bin', 8 * MIB);
    const alice = await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 8 * MIB });
    const reader = await world.downloads('bob', [publication]);
    const getting = reader.downloads.get(requestFor(publication, reader.folder), forever);
    await waitFor(() => (reader.downloads.rows()[0]?.doneBytes ?? 0) > 2 * MIB);
    await alice.stop();
    world.sources.set(publication.publicationId, []);

    await world.peer('alice', [publication]);
    const row = await getting;

    expect(await sameBytes(publication.path, row.path)).to.equal(true);
    expect(row.receivedBytes).to.be.at.most(8 * MIB + CHUNK);
  });

  it('goes on while the tracker does not answer', async () => {
    const publication = await world.publish('film.bin', 8 * MIB);
    await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 8 * MIB });
    const reader = await world.downloads('bob', [publication]);
    const getting = reader.downloads.get(requestFor(publication, reader.folder), forever);
    await waitFor(() => (reader.downloads.rows()[0]?.doneBytes ?? 0) > MIB);
    world.trackerError = new Error('the tracker is gone');

    const row = await getting;

    expect(await sameBytes(publication.path, row.path)).to.equal(true);
  });

  it('asks for one ticket a download', async () => {
    const publication = await world.publish('film.bin', 8 * MIB);
    await world.peer('alice', [publication]);
    await world.peer('carol', [publication]);
    const reader = await world.downloads('bob', [publication]);

    await reader.downloads.get(requestFor(publication, reader.folder), forever);

    expect(world.asked.filter(({ ticket }) => ticket)).to.have.length(1);
  });

  it('closes its connections when it is done', async () => {
    const publication = await world.publish('film.bin', 2 * MIB);
    const alice = await world.peer('alice', [publication]);
    const reader = await world.downloads('bob', [publication]);

    await reader.downloads.get(requestFor(publication, reader.folder), forever);

    await waitFor(() => alice.port.connections === 0);
    expect(alice.uploads.served.size).to.equal(0);
  });
});
