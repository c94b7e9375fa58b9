import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FolderListing, SavedSearchRow } from '../../peer/api.js';
import type { CliResult, RunningProgram, ServeHandle } from '../support/program.js';
import { sha256File } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { publicationsOf, resultOf } from './json-results.js';
import { World } from './world.js';

describe('finding things', () => {
  let world: World;
  let bob: ServeHandle;

  before(async () => {
    world = await World.open({ users: ['alice', 'bob', 'carol', 'dave'] });
    await world.serve('alice');
    bob = await world.serve('bob');
    const sizes = { 'Film of May.mp4': 900_000, 'photo of May.JPG': 40_000, 'notes.txt': 1_000 };
    for (const [name, size] of Object.entries(sizes))
      await world.publish('alice', await world.file('alice', name, size));
    const carol = await world.serve('carol');
    await world.publish('carol', await world.file('carol', 'away.pdf', 5_000));
    await carol.process.stop();
  });
  after(() => world.end());

  const names = (done: CliResult): string[] => publicationsOf(done).map(({ name }) => name);

  it('narrows by size, type, owner, date and id, and sorts', async () => {
    const [{ fileId } = { fileId: '' }] = publicationsOf(await world.cli('bob', ['sch', 'notes']));
    const found = async (...args: string[]): Promise<string[]> => names(await world.cli('bob', args));

    expect(await found('sch', 'May', '--min-size', '100K')).to.deep.equal(['Film of May.mp4']);
    expect(await found('sch', 'may', '-i', '--type', 'image')).to.deep.equal(['photo of May.JPG']);
    expect(await found('list', '--owner', 'alice', '--max-size', '1K')).to.deep.equal(['notes.txt']);
    expect(await found('list', '--since', '1h', '--sort', 'smallest')).to.deep.equal([
      'notes.txt',
      'photo of May.JPG',
      'Film of May.mp4',
    ]);
    expect(await found('list', '--before', '1h')).to.deep.equal([]);
    expect(await found('sch', '--id', fileId.slice(0, 16))).to.deep.equal(['notes.txt']);
  });

  it('goes through a sorted list page by page, each row once', async () => {
    const first = await world.cli('bob', ['list', '--sort', 'name', '--limit', '2']);
    const { cursor = '' } = resultOf<{ cursor?: string }>(first);
    const second = await world.cli('bob', ['list', '--sort', 'name', '--limit', '2', '--cursor', cursor]);

    expect([...names(first), ...names(second)]).to.deep.equal(['Film of May.mp4', 'notes.txt', 'photo of May.JPG']);
    expect(resultOf(second)).not.to.have.property('cursor');
  });

  it('shows what is offline only on demand, with when it was seen last, and lists what one user publishes', async () => {
    const hidden = await world.cli('bob', ['sch', 'away']);
    const [away] = publicationsOf(await world.cli('bob', ['sch', 'away', '--all']));
    const ofCarol = await world.cli('bob', ['lpf', 'carol']);
    const ofNobody = await world.cli('bob', ['lpf', 'erin']);

    expect(names(hidden)).to.deep.equal([]);
    expect(away).to.deep.include({ name: 'away.pdf', sources: 0 });
    expect(names(ofCarol)).to.deep.equal(['away.pdf']);
    expect(names(ofNobody)).to.deep.equal([]);
    expect(ofNobody.stderr).to.contain('erin publishes no files that you may fetch');
  });

  it('tells a saved search of a match within a second, fetches another by itself, and ends both with unsave', async () => {
    const into = world.path('into');
    await mkdir(into);
    const told = resultOf<{ search: SavedSearchRow }>(
      await world.cli('bob', ['save', 'REPORT', '-i', '--type', 'pdf']),
    );
    const fetched = resultOf<{ search: SavedSearchRow }>(await world.cli('bob', ['save', 'film 2', '--into', into]));

    const report = await world.file('alice', 'report.pdf', 3_000);
    await world.publish('alice', report);
    const noticedMs = await timeUntil(bob.process, /report\.pdf .*from alice matches your saved search "REPORT"/);
    const film = await world.file('alice', 'film 2.mp4', 300_000);
    await world.publish('alice', film);
    await waitForNotice(bob.process, /film 2\.mp4 was fetched into/);

    process.stdout.write(`      a match was told ${noticedMs.toFixed(0)} ms after pub had ended\n`);
    expect(noticedMs).to.be.below(1_000);
    expect(await sha256File(join(into, 'film 2.mp4'))).to.equal(await sha256File(film));
    const listed = resultOf<{ searches: SavedSearchRow[] }>(await world.cli('bob', ['searches']));
    expect(listed.searches.map(({ text, matches }) => [text, matches])).to.deep.equal([
      ['REPORT', 1],
      ['film 2', 1],
    ]);
    for (const { search } of [told, fetched]) resultOf(await world.cli('bob', ['unsave', search.searchId]));
    expect(resultOf(await world.cli('bob', ['searches']))).to.deep.include({ searches: [] });
  });

  it('tells a saved search of what was published while its peer was away, once', async () => {
    {
      await using _first = await world.serve('dave');
      resultOf(await world.cli('dave', ['save', 'missed']));
    }
    await world.publish('alice', await world.file('alice', 'missed.bin', 100));
    {
      await using second = await world.serve('dave');
      await waitForNotice(second.process, /missed\.bin .*matches/);
      // Killed before it has noted what it told, it would tell it again.
      await waitFor(async () => {
        const { searches } = resultOf<{ searches: SavedSearchRow[] }>(await world.cli('dave', ['searches']));
        return searches[0]?.matches === 1;
      });
    }
    await using third = await world.serve('dave');
    await world.publish('alice', await world.file('alice', 'missed too.bin', 100));
    await waitForNotice(third.process, /missed too\.bin .*matches/);

    expect(noticesOf(third.process).filter((text) => text.includes('missed.bin'))).to.deep.equal([]);
  });

  it('fetches what is offline once its owner is back, when it was saved with --up', async () => {
    const into = world.path('once up');
    await mkdir(into);
    const { searchId } = resultOf<{ search: SavedSearchRow }>(
      await world.cli('bob', ['save', 'away', '--owner', 'carol', '--up', '--into', into]),
    ).search;

    await using _carol = await world.serve('carol');
    await waitForNotice(bob.process, /away\.pdf was fetched into/);

    const { searches } = resultOf<{ searches: SavedSearchRow[] }>(await world.cli('bob', ['searches']));
    expect(searches.map((search) => search.searchId)).not.to.include(searchId);
  });

  it('ls lists the download folder, dir changes that of the running peer', async () => {
    const chosen = world.path('chosen');
    await mkdir(chosen);
    await using serving = await world.serve('carol');
    const before = resultOf<{ directory: string }>(await world.cli('carol', ['dir']));

    resultOf(await world.cli('carol', ['dir', chosen]));
    resultOf(await world.cli('carol', ['get', 'notes.txt'], { downloads: chosen }));
    const listing = resultOf<FolderListing>(await serving.run(['ls', '--json']));
    const missing = await world.cli('carol', ['dir', join(chosen, 'missing')]);
    await serving.process.stop();
    const withoutPeer = resultOf<FolderListing>(await world.cli('carol', ['ls'], { downloads: chosen }));

    expect(before.directory).to.equal(world.place('carol').downloads);
    expect(listing.directory).to.equal(chosen);
    expect(listing.entries.map(({ name, sizeBytes }) => [name, sizeBytes])).to.deep.equal([['notes.txt', 1_000]]);
    expect(missing.stderr).to.contain('does not exist');
    expect(withoutPeer).to.deep.equal(listing);
  });
});

function noticesOf(program: RunningProgram): string[] {
  return program
    .jsonEvents()
    .filter(({ event }) => event === 'notice')
    .map(({ text }) => String(text));
}

function waitForNotice(program: RunningProgram, expected: RegExp): Promise<unknown> {
  return waitFor(() => noticesOf(program).some((text) => expected.test(text)), { what: `a notice like ${expected}` });
}

/** ms until the notice, from when this is asked. */
async function timeUntil(program: RunningProgram, expected: RegExp): Promise<number> {
  const from = performance.now();
  await waitForNotice(program, expected);
  return performance.now() - from;
}
