import { mkdir, readFile, writeFile } from 'node:fs/promises';

import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import { PeerError, type TransferRow } from '../../peer/api.js';
import { retryDelay } from '../../peer/download/retry-delay.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { problemOf } from './expect-problem.js';
import { type Reader, requestFor, World } from './swarm-fixture.js';

const forever = { signal: new AbortController().signal };
const away = { code: 'tracker-unreachable', message: 'Tracker not responding.' } as const;

describe('a download that may succeed later', () => {
  let world: World;
  let clock: VirtualClock;
  beforeEach(async () => {
    world = await World.open();
    clock = new VirtualClock();
    await mkdir(world.dir.join('state'));
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const only = ({ downloads }: Reader): TransferRow => downloads.rows()[0]!;

  it('is tried again by itself, later each time, and says when', async () => {
    const publication = await world.publish('film.bin', 100_000);
    await world.peer('alice', [publication]);
    world.trackerError = new PeerError(away);
    const bob = await world.downloads('bob', [publication], { stateDir: world.dir.join('state'), clock });
    const problem = await problemOf(bob.downloads.get(requestFor(publication, bob.folder), forever));
    expect(problem.code, 'who waited is told').to.equal('tracker-unreachable');
    expect(problem.message).to.equal('Tracker not responding. It is tried again by itself.');
    const delays: number[] = [];
    for (let tries = 1; tries <= 4; tries += 1) {
      await waitFor(() => only(bob).retryAt !== undefined);
      expect(only(bob)).to.include({ state: 'waiting' }).and.to.have.deep.property('problem', away);
      delays.push(only(bob).retryAt! - clock.now());
      clock.advance(delays.at(-1)!);
      await waitFor(() => world.asked.length === tries + 1);
    }
    expect(delays).to.deep.equal([5_000, 10_000, 20_000, 40_000]);

    world.trackerError = undefined;
    await waitFor(() => only(bob).retryAt !== undefined);
    bob.downloads.hope();
    await waitFor(() => only(bob).state === 'done');

    expect(await sameBytes(publication.path, only(bob).path)).to.equal(true);
    expect(
      bob.notices.filter((text) => /again by itself/.test(text)),
      'who waited was told',
    ).to.deep.equal([]);
    expect(bob.notices.at(-1)).to.match(/^film\.bin downloaded successfully, saved as \/.*film\.bin$/);
  });

  it('is woken when a source comes, however long it would still rest, and says what it waits for', async () => {
    const publication = await world.publish('film.bin', 100_000);
    const rests: string[][] = [];
    const bob = await world.downloads('bob', [publication], {
      stateDir: world.dir.join('state'),
      clock,
      onRest: () => rests.push(bob.downloads.resting().map(({ fileId }) => fileId)),
    });
    const getting = problemOf(bob.downloads.get(requestFor(publication, bob.folder), forever));
    await waitFor(() => {
      clock.advance(1_000);
      return only(bob).retryAt !== undefined;
    });
    expect((await getting).code).to.equal('no-source');
    expect(rests).to.deep.equal([[publication.fileId]]);

    await world.peer('alice', [publication]);
    bob.downloads.hope(bob.downloads.resting()[0]!.transferId);

    await waitFor(() => only(bob).state === 'done');
    expect(bob.downloads.resting()).to.deep.equal([]);
  });

  it('keeps showing what it has while a try finds nobody', async () => {
    const publication = await world.publish('film.bin', 100_000);
    await world.peer('alice', [publication]);
    world.trackerError = new PeerError(away);
    const bob = await world.downloads('bob', [publication], { stateDir: world.dir.join('state'), clock });
    await bob.downloads.resumeSaved();
    await problemOf(bob.downloads.get(requestFor(publication, bob.folder), forever));
    await waitFor(() => only(bob).retryAt !== undefined);
    await bob.downloads.stop();
    const list = world.dir.join('state/downloads.json');
    await writeFile(list, (await readFile(list, 'utf8')).replace('"request"', '"doneBytes": 4000, "request"'));

    const later = await world.downloads('bob', [publication], { stateDir: world.dir.join('state'), clock });
    await later.downloads.resumeSaved();
    await waitFor(() => only(later).retryAt !== undefined);

    expect(only(later).doneBytes).to.equal(4_000);
  });

  it('goes on with its tries after a restart', async () => {
    const publication = await world.publish('film.bin', 100_000);
    await world.peer('alice', [publication]);
    world.trackerError = new PeerError(away);
    const options = { stateDir: world.dir.join('state'), clock };
    const first = await world.downloads('bob', [publication], options);
    await problemOf(first.downloads.get(requestFor(publication, first.folder), forever));
    await first.downloads.stop();

    const second = await world.downloads('bob', [publication], options);
    await second.downloads.resumeSaved();
    await waitFor(() => only(second).retryAt !== undefined);
    world.trackerError = undefined;
    await second.downloads.retry(only(second).transferId);

    await waitFor(() => only(second).state === 'done');
  });

  it('is not tried again where nothing would be different, nor without a place for the list', async () => {
    const publication = await world.publish('film.bin', 1_000);
    const kept = await world.downloads('bob', [publication], { stateDir: world.dir.join('state') });
    world.trackerError = new PeerError({ code: 'not-allowed', message: 'No.' });
    await problemOf(kept.downloads.get(requestFor(publication, kept.folder), forever));
    world.trackerError = new PeerError(away);
    const fleeting = await world.downloads('carol', [publication]);
    await problemOf(fleeting.downloads.get(requestFor(publication, fleeting.folder), forever));

    for (const reader of [kept, fleeting]) expect(only(reader).state).to.equal('failed');
    expect(only(kept).problem?.message).to.equal('No.');
  });

  it('waits at most five minutes, and one for room on the disk', () => {
    expect(retryDelay(away, 50)).to.equal(300_000);
    expect(retryDelay({ code: 'disk-full', message: '' }, 50)).to.equal(60_000);
  });
});
