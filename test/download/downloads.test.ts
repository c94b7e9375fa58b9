import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';

import { expect } from 'chai';

import type { TransferRow } from '../../peer/api.js';
import { hastyClock } from '../support/hasty-clock.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { evilSource } from './evil-source.js';
import { problemOf } from './expect-problem.js';
import { requestFor, World } from './swarm-fixture.js';

const MIB = 1024 * 1024;
const forever = { signal: new AbortController().signal };

describe('Downloads', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const saved = (folder: string): string[] =>
    (
      JSON.parse(readFileSync(`${folder}/downloads.json`, 'utf8')) as { downloads: { transferId: string }[] }
    ).downloads.map(({ transferId }) => transferId);

  it('goes on by itself after a restart, with what it had', async () => {
    const publication = await world.publish('film.bin', 8 * MIB);
    const slow = await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 4 * MIB });
    const stateDir = world.dir.join('state');
    await mkdir(stateDir);
    const first = await world.downloads('bob', [publication], { stateDir });
    const getting = first.downloads.get(requestFor(publication, first.folder), forever);
    await waitFor(() => (first.downloads.rows()[0]?.doneBytes ?? 0) > 2 * MIB);
    await first.downloads.stop();
    expect((await problemOf(getting)).code).to.equal('interrupted');
    expect(saved(stateDir)).to.have.length(1);
    expect((await stat(`${stateDir}/downloads.json`)).mode & 0o077).to.equal(0);
    await slow.stop();
    world.sources.set(publication.publicationId, []);

    const second = await world.downloads('bob', [publication], { stateDir });
    await second.downloads.resumeSaved();
    await world.peer('alice', [publication]);
    await waitFor(() => second.downloads.rows().some(({ state }) => state === 'done'));

    const [row] = second.downloads.rows();
    expect(row?.resumedBytes).to.be.greaterThan(MIB);
    expect(await sameBytes(publication.path, `${second.folder}/film.bin`)).to.equal(true);
    await waitFor(() => saved(stateDir).length === 0);
    await waitFor(() => /film\.bin downloaded successfully/.test(second.notices.join('\n')));
  });

  it('starts with an empty list when the saved one is damaged', async () => {
    const stateDir = world.dir.join('state');
    await mkdir(stateDir);
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      '{"v":2,"downloads":[]}',
      '{"v":1,"downloads":[null,5,{"transferId":"x","request":{}}]}',
    ]) {
      await writeFile(`${stateDir}/downloads.json`, text);
      const { downloads } = await world.downloads('bob', [], { stateDir });

      await downloads.resumeSaved();

      expect(downloads.rows()).to.deep.equal([]);
    }
  });

  it('stops one by its id, keeps what it has, and goes on at the next get', async () => {
    const publication = await world.publish('film.bin', 8 * MIB);
    await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 6 * MIB });
    const { downloads, folder } = await world.downloads('bob', [publication]);
    const getting = problemOf(downloads.get(requestFor(publication, folder), forever));
    await waitFor(() => (downloads.rows()[0]?.doneBytes ?? 0) > 2 * MIB);

    const row = await downloads.cancel(downloads.rows()[0]?.transferId ?? '');

    expect(row.state).to.equal('stopped');
    expect((await getting).code).to.equal('interrupted');
    expect((await downloads.get(requestFor(publication, folder), forever)).resumedBytes).to.be.greaterThan(MIB);
    expect((await problemOf(downloads.cancel('none'))).code).to.equal('not-found');
  });

  it('rejects with the reason of the signal that stopped it', async () => {
    const publication = await world.publish('film.bin', 8 * MIB);
    const { downloads, folder } = await world.downloads('bob', [publication]);
    const stop = new AbortController();
    const getting = downloads
      .get(requestFor(publication, folder), { signal: stop.signal })
      .catch((error: unknown) => error);
    await waitFor(() => downloads.rows().length === 1);
    const reason = new DOMException('enough', 'AbortError');
    stop.abort(reason);

    expect(await getting).to.equal(reason);
    expect(downloads.rows()[0]?.state).to.equal('stopped');
  });

  it('goes on for the other caller when one of two gives up', async () => {
    const publication = await world.publish('film.bin', 4 * MIB);
    await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 4 * MIB });
    const { downloads, folder } = await world.downloads('bob', [publication]);
    const stop = new AbortController();
    const reason = new Error('enough');
    const impatient = downloads
      .get(requestFor(publication, folder), { signal: stop.signal })
      .catch((error: unknown) => error);
    const patient = downloads.get(requestFor(publication, folder), forever);
    await waitFor(() => (downloads.rows()[0]?.doneBytes ?? 0) > 0);
    stop.abort(reason);

    expect(await impatient).to.equal(reason);
    expect((await patient).state).to.equal('done');
  });

  it('reports progress that never goes back and ends complete', async () => {
    const publication = await world.publish('film.bin', 6 * MIB);
    await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 8 * MIB });
    const { downloads, folder } = await world.downloads('bob', [publication]);
    const rows: TransferRow[] = [];

    await downloads.get(requestFor(publication, folder), { ...forever, onProgress: (row) => rows.push(row) });

    const done = rows.filter(({ state }) => state !== 'checking').map(({ doneBytes }) => doneBytes);
    expect(done).to.deep.equal(done.toSorted((a, b) => a - b));
    expect(rows.length).to.be.at.least(3);
    expect(rows.at(-1)).to.include({ state: 'done', doneBytes: 6 * MIB });
    const middle = rows.find(({ doneBytes }) => doneBytes > 3 * MIB);
    expect(middle?.bytesPerSecond).to.be.within(1, 16 * MIB);
    expect(middle?.etaMs).to.be.greaterThan(0);
  });

  it('runs four at once and the rest after them', async () => {
    const publications = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => world.publish(`f${seed}`, MIB, { seed })));
    await world.peer('alice', publications, { uploadLimitBytesPerSecond: 4 * MIB });
    const { downloads, folder } = await world.downloads('bob', publications);
    let most = 0;
    const onProgress = (): void => {
      most = Math.max(most, downloads.rows().filter(({ state }) => state === 'fetching').length);
    };

    await Promise.all(
      publications.map((publication) => downloads.get(requestFor(publication, folder), { ...forever, onProgress })),
    );

    expect(most).to.equal(4);
    for (const publication of publications)
      expect(await sameBytes(publication.path, `${folder}/${publication.name}`)).to.equal(true);
  });

  it('renews its ticket at half of its life, without interrupting anything', async () => {
    const publication = await world.publish('film.bin', 6 * MIB);
    const alice = await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 3 * MIB });
    const identity = await world.identity('bob');
    const port = world.trackerPort([publication], identity.pin);
    let tickets = 0;
    const tracker = {
      ...port,
      sources: async (...args: Parameters<typeof port.sources>) => {
        const reply = await port.sources(...args);
        if (!args[1].ticket) return reply;
        tickets += 1;
        return {
          ...reply,
          ticket: world.ticketFor(publication, identity.pin, tickets === 1 ? { notAfter: Date.now() + 900 } : {}),
        };
      },
    };
    const { downloads, folder } = await world.downloads('bob', [publication], { tracker });

    const row = await downloads.get(requestFor(publication, folder), forever);

    expect(await sameBytes(publication.path, row.path)).to.equal(true);
    expect(tickets).to.equal(2);
    expect(row.receivedBytes).to.be.at.most(6 * MIB + 256 * 1024);
    expect(alice.uploads.sentBytes).to.be.at.least(6 * MIB);
  });

  it('fails with "changed" when the publication has other content now and nobody has the old one', async () => {
    const publication = await world.publish('film.bin', MIB);
    const identity = await world.identity('bob');
    const port = world.trackerPort([publication], identity.pin);
    const tracker = {
      ...port,
      sources: async (...args: Parameters<typeof port.sources>) => ({
        ...(await port.sources(...args)),
        fileId: 'cd'.repeat(32),
        revision: 2,
      }),
    };
    const { downloads, folder } = await world.downloads('bob', [publication], { tracker });

    const problem = await problemOf(downloads.get(requestFor(publication, folder), forever));

    expect(problem.code).to.equal('changed');
    expect(existsSync(`${folder}/film.bin`)).to.equal(false);
  });

  for (const sizeBytes of [2 ** 43, -1, 2 ** 53, 1.5, NaN]) {
    it(`refuses a size of ${sizeBytes} before it asks anybody`, async () => {
      const publication = await world.publish('film.bin', 1);
      const { downloads, folder } = await world.downloads('bob', [publication]);

      expect((await problemOf(downloads.get(requestFor(publication, folder, { sizeBytes }), forever))).code).to.equal(
        'too-large',
      );
      expect(world.asked).to.deep.equal([]);
    });
  }

  for (const sizeBytes of [MIB - 1, MIB + 1, MIB * 2, 0]) {
    it(`refuses ${sizeBytes} bytes for a file of ${MIB}, even when its publisher insists`, async () => {
      const publication = await world.publish('film.bin', MIB);
      const lie = { ...publication, size: sizeBytes };
      await evilSource(world, publication, { onOpen: (request, lane) => lane.opened(request, { size: sizeBytes }) });
      const { downloads, folder } = await world.downloads('bob', [lie], { clock: hastyClock });

      const problem = await problemOf(downloads.get(requestFor(lie, folder), forever));

      expect(problem.code).to.equal('integrity');
      expect(readdirSync(folder)).to.deep.equal([]);
    });
  }

  it('holds little memory, however large the file', async () => {
    const publication = await world.publish('film.bin', 400 * MIB);
    await world.peer('alice', [publication]);
    const { downloads, folder } = await world.downloads('bob', [publication]);
    let peak = 0;
    const before = process.memoryUsage().rss;

    await downloads.get(requestFor(publication, folder), {
      ...forever,
      onProgress: () => {
        peak = Math.max(peak, process.memoryUsage().rss - before);
      },
    });

    expect(peak, 'both ends are in this process').to.be.below(120 * MIB);
  });
});
