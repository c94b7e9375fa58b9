/** F10 of the fault catalogue, at a whole download: a source that sends a few bytes a second. */
import { setTimeout as pause } from 'node:timers/promises';

import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import type { TransferRow } from '../../peer/api.js';
import { type EvilLane, evilSource, type Line } from '../download/evil-source.js';
import { type Publication, type Reader, requestFor, World } from '../download/swarm-fixture.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

const CHUNK = 256 * 1024;
const forever = { signal: new AbortController().signal };

describe('a download from a source that trickles', function () {
  this.timeout(60_000);
  let world: World;
  let clock: VirtualClock;
  let publication: Publication;
  let bob: Reader;
  let getting: Promise<TransferRow>;
  let trickle: (() => void) | undefined;
  beforeEach(async () => {
    world = await World.open();
    clock = new VirtualClock();
    publication = await world.publish('film.bin', 6 * CHUNK);
    bob = await world.downloads('bob', [publication], { clock });
    trickle = undefined;
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** Mallory sends so many bytes of the first chunk she is asked for in each second of the clock. */
  async function begin(bytesPerSecond: number): Promise<void> {
    const onChunks = ({ id, first }: Line, lane: EvilLane): void => {
      if (trickle !== undefined) return;
      lane.line({ type: 'run', id, offset: first * CHUNK, bytes: CHUNK });
      let sent = 0;
      trickle = () => {
        lane.raw(lane.chunk(first).subarray(sent, sent + bytesPerSecond));
        sent += bytesPerSecond;
      };
    };
    await evilSource(world, publication, { onChunks });
    getting = bob.downloads.get(requestFor(publication, bob.folder), forever);
    getting.catch(() => undefined);
    await waitFor(() => trickle !== undefined);
  }

  /** A second of the clock while little happens takes 40 ms. */
  async function pass(seconds: number, isOver = (): boolean => false): Promise<void> {
    for (let second = 0; second < seconds && !isOver(); second += 1) {
      trickle?.();
      await pause(40);
      await clock.advanceAsync(1_000);
    }
  }

  const mallory = () => bob.downloads.rows()[0]?.sources.find(({ user }) => user === 'mallory');

  it('drops one of 1 B/s after 30 s when another is there, and says why', async () => {
    await begin(1);
    await pass(5);
    await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 2 * CHUNK });

    await pass(60, () => mallory()?.problem !== undefined);
    expect(mallory()?.problem?.message).to.equal('sent less than 4 KiB/s for 30 s');
    expect(clock.monotonic()).to.be.within(30_000, 62_000);
    expect(bob.notices.join('\n')).to.include(
      'film.bin: mallory sent less than 4 KiB/s for 30 s; dropped as a source.',
    );
    await pass(60, () => bob.downloads.rows()[0]?.state === 'done');

    expect(await sameBytes(publication.path, (await getting).path)).to.equal(true);
  });

  it('keeps one of 5 KiB/s beside another', async () => {
    await begin(5 * 1024);
    await pass(5);
    await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 2 * CHUNK });

    await pass(45, () => bob.downloads.rows()[0]?.state === 'done');

    expect(bob.notices.filter((text) => text.includes('4 KiB/s'))).to.deep.equal([]);
    trickle = undefined;
    await pass(60, () => bob.downloads.rows()[0]?.state === 'done');
    expect(await sameBytes(publication.path, (await getting).path)).to.equal(true);
  });

  it('goes on with one of 1 B/s as long as it is the only one, and shows how fast it is', async () => {
    await begin(1);

    await pass(90);

    expect(bob.downloads.rows()[0]).to.include({ state: 'fetching', bytesPerSecond: 1 });
    expect(mallory()).to.include({ state: 'sending' }).and.not.to.have.property('problem');
    await world.peer('alice', [publication]);
    await pass(60, () => bob.downloads.rows()[0]?.state === 'done');
    expect(await sameBytes(publication.path, (await getting).path)).to.equal(true);
  });
});
