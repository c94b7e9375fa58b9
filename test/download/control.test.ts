import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';

import { expect } from 'chai';

import type { TransferRow } from '../../peer/api.js';
import { sameBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { problemOf } from './expect-problem.js';
import { type Reader, requestFor, World } from './swarm-fixture.js';

const MIB = 1024 * 1024;
const forever = { signal: new AbortController().signal };

describe('pause, resume, retry and priority', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const only = ({ downloads }: Reader): TransferRow => downloads.rows()[0]!;
  const state = async (): Promise<string> => {
    await mkdir(world.dir.join('state'), { recursive: true });
    return world.dir.join('state');
  };

  it('keeps a paused download still, and goes on where it was', async () => {
    const publication = await world.publish('film.bin', 8 * MIB);
    const alice = await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 6 * MIB });
    const bob = await world.downloads('bob', [publication]);
    const getting = bob.downloads.get(requestFor(publication, bob.folder), forever);
    await waitFor(() => only(bob).doneBytes > 2 * MIB);

    const paused = await bob.downloads.pause(only(bob).transferId);
    await waitFor(() => alice.uploads.rows().length === 0);
    const sent = alice.uploads.sentBytes;

    expect(paused).to.include({ state: 'paused', bytesPerSecond: 0 });
    expect(paused.doneBytes).to.be.greaterThan(2 * MIB);
    expect(alice.uploads.sentBytes).to.equal(sent);
    expect((await bob.downloads.resume(paused.transferId)).state).to.equal('waiting');
    const row = await getting;
    expect(row.state).to.equal('done');
    expect(row.resumedBytes).to.be.greaterThan(MIB);
    expect(await sameBytes(publication.path, row.path)).to.equal(true);
  });

  it('leaves a paused download paused over a restart, and shows how far it was', async () => {
    const publication = await world.publish('film.bin', 8 * MIB);
    await world.peer('alice', [publication], { uploadLimitBytesPerSecond: 6 * MIB });
    const stateDir = await state();
    const first = await world.downloads('bob', [publication], { stateDir });
    const getting = problemOf(first.downloads.get(requestFor(publication, first.folder), forever));
    await waitFor(() => only(first).doneBytes > 2 * MIB);
    const { transferId, doneBytes } = await first.downloads.pause(only(first).transferId);
    await first.downloads.stop();
    expect((await getting).code).to.equal('interrupted');

    const second = await world.downloads('bob', [publication], { stateDir });
    await second.downloads.resumeSaved();
    const asked = world.asked.length;
    const third = await world.downloads('carol', [publication]);
    await third.downloads.get(requestFor(publication, third.folder), forever);

    expect(only(second)).to.include({ transferId, doneBytes, state: 'paused' });
    expect(world.asked.length, 'carol asked, bob did not').to.be.within(asked + 1, asked + 3);
    expect(existsSync(`${second.folder}/film.bin`)).to.equal(false);
    await second.downloads.resume(transferId);
    await waitFor(() => only(second).state === 'done');
    expect(only(second).resumedBytes).to.be.greaterThan(MIB);
  });

  it('ends a paused download by cancel, and tries it again by retry', async () => {
    const publication = await world.publish('film.bin', MIB);
    await world.peer('alice', [publication]);
    const stateDir = await state();
    const bob = await world.downloads('bob', [publication], { stateDir, maxRunning: 1 });
    const { downloads } = bob;
    const getting = problemOf(downloads.get(requestFor(publication, bob.folder), forever));
    await downloads.pause(only(bob).transferId);
    const stopped = await downloads.cancel(only(bob).transferId);
    expect((await getting).code).to.equal('interrupted');

    expect(stopped.state).to.equal('stopped');
    expect(JSON.parse(readFileSync(`${stateDir}/downloads.json`, 'utf8'))).to.have.deep.property('downloads', []);
    await downloads.retry(stopped.transferId);
    await waitFor(() => only(bob).state === 'done');
    expect(downloads.rows()).to.have.length(1);
    expect((await problemOf(downloads.retry(stopped.transferId))).code).to.equal('not-found');
  });

  it('begins what has the highest priority first, also when that is said later', async () => {
    const publications = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name, seed) => world.publish(name, 2 * MIB, { seed })),
    );
    await world.peer('alice', publications, { uploadLimitBytesPerSecond: 16 * MIB });
    const { downloads, folder } = await world.downloads('bob', publications, { maxRunning: 1 });
    const done: string[] = [];
    const get = async (index: number, priority?: 'high' | 'low'): Promise<void> => {
      const row = await downloads.get(requestFor(publications[index]!, folder), { ...forever, priority });
      done.push(row.name);
    };
    const all = [get(0), get(1, 'low'), get(2), get(3)];
    const last = downloads.rows().find(({ name }) => name === 'd')!;
    expect(await downloads.setPriority(last.transferId, 'high')).to.include({ priority: 'high' });
    await Promise.all(all);

    expect(done).to.deep.equal(['a', 'd', 'c', 'b']);
  });
});
