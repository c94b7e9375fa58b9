// Limits of what is received, with real sockets. Rates are judged by what had come at a moment, not by how long something took.
import { join } from 'node:path';
import { expect } from 'chai';

import { RateShares } from '../../peer/rates/rate-shares.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { type Publication, type Reader, requestFor, World } from './swarm-fixture.js';

const MIB = 1024 * 1024;

describe('a download with rate limits', () => {
  let world: World;
  let publication: Publication;
  let rates: RateShares;
  let bob: Reader;

  beforeEach(async () => {
    world = await World.open({ ram: true });
    publication = await world.publish('file.bin', 8 * MIB);
    rates = new RateShares();
    bob = await world.downloads('bob', [publication], { rates });
  });

  afterEach(() => world[Symbol.asyncDispose]());

  const signal = new AbortController().signal;
  const received = (): number => bob.downloads.rows().reduce((sum, row) => sum + row.receivedBytes, 0);

  /** Starts the download, and tells how fast the middle of it came: a busy machine makes it slower than the limit, nothing faster. */
  async function rateOf(): Promise<{ readonly bytesPerSecond: number; readonly done: Promise<unknown> }> {
    const done = bob.downloads.get(requestFor(publication, bob.folder), { signal });
    await waitFor(() => received() > MIB);
    const [bytes, at] = [received(), performance.now()];
    await waitFor(() => received() > bytes + 3 * MIB);
    return { bytesPerSecond: ((received() - bytes) * 1_000) / (performance.now() - at), done };
  }

  it('keeps to the limit of all downloads, and to a new one at once', async () => {
    await world.peer('alice', [publication]);
    await world.peer('carol', [publication]);
    rates.set({ total: 2 * MIB });
    const { bytesPerSecond, done } = await rateOf();
    expect(bytesPerSecond).to.be.within(0.5 * MIB, 2.5 * MIB);

    rates.set({});
    await done;

    expect(await sameBytes(publication.path, join(bob.folder, 'file.bin'))).to.equal(true);
  });

  it('keeps to the limit of each peer: two bring twice as much', async () => {
    await world.peer('alice', [publication]);
    await world.peer('carol', [publication]);
    rates.set({ perPeer: MIB });
    const { bytesPerSecond, done } = await rateOf();
    rates.set({});
    await done;

    expect(bytesPerSecond).to.be.within(0.5 * MIB, 2.5 * MIB);
  });

  it('keeps to a limit of its own', async () => {
    await world.peer('alice', [publication]);
    const started = bob.downloads.get(requestFor(publication, bob.folder), { signal });
    const { transferId } = bob.downloads.rows()[0] ?? { transferId: '' };
    expect(await bob.downloads.setLimit(transferId, MIB)).to.include({ limitBytesPerSecond: MIB });
    const { bytesPerSecond } = await rateOf();
    await bob.downloads.setLimit(transferId, undefined);
    await started;

    expect(bytesPerSecond).to.be.within(0.25 * MIB, 1.25 * MIB);
  });

  it('uses fewer sources where each would look like a stall', async () => {
    for (const user of ['alice', 'carol', 'dora', 'eve']) await world.peer(user, [publication]);
    rates.set({ total: 40 * 1024 });
    const stop = new AbortController();
    const ended = bob.downloads.get(requestFor(publication, bob.folder), stop).catch((error: unknown) => error);
    const sending = (): number =>
      (bob.downloads.rows()[0]?.sources ?? []).filter(({ state }) => state === 'sending').length;
    await waitFor(() => sending() > 0);

    expect(sending()).to.be.within(1, 2);
    stop.abort();
    await ended;
  });
});
