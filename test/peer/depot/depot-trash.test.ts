import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { expect } from 'chai';

import { DepotTrash, TRASH_KEPT_MS } from '../../../peer/depot/depot-trash.js';
import type { Publication } from '../../download/swarm-fixture.js';
import { waitFor } from '../../support/wait-for.js';
import { DepotWorld } from './depot-fixture.js';

describe('What is in the trash of a depot and wanted again', () => {
  let world: DepotWorld;
  let file: Publication;
  const told = (part: string): Promise<unknown> =>
    waitFor(() => world.notices.some((text) => text.includes(part)), { what: `to be told of ${part}` });

  beforeEach(async () => {
    world = await DepotWorld.open();
    file = await world.published('plan', 1_000);
    world.tracker.want(file);
    const alice = await world.world.peer('alice', [file]);
    await world.start();
    await waitFor(() => world.tracker.isStored(file), { what: 'the copy to be stored' });
    await world.leave(alice); // nobody has it but this depot
    const remembered = new Map(world.tracker.rows);
    world.tracker.rows.clear();
    world.depot.loggedIn();
    await told('knows nothing of 1 of the 1 copies');
    await world.stop();
    for (const [id, row] of remembered) world.tracker.rows.set(id, row);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function isTakenBack(): Promise<void> {
    const taken = (): unknown => world.copies.shared.find(file.publicationId, file.fileId);
    await waitFor(() => taken() !== undefined, { what: 'the copy to be taken back' });
    expect(await readdir(join(world.dir, 'trash'))).to.deep.equal([]);
  }

  it('is taken back though its time is over', async () => {
    world.clock.advance(TRASH_KEPT_MS + 1);

    await world.start();

    await isTakenBack();
  });

  it('is taken back though its time is over and the tracker could not say at first that it is wanted', async () => {
    world.clock.advance(TRASH_KEPT_MS + 1);
    world.tracker.isAway = true;
    await world.start();
    await told('could not look for work');

    world.tracker.isAway = false;
    world.depot.told();

    await isTakenBack();
  });

  it('is taken back when the tracker remembers it while the depot looks for work', async () => {
    const remembered = new Map(world.tracker.rows);
    world.tracker.rows.clear();
    world.tracker.onWork = () => {
      world.tracker.onWork = undefined;
      for (const [id, row] of remembered) world.tracker.rows.set(id, row);
      world.depot.loggedIn(); // to a tracker whose data were restored
      return { work: [] };
    };

    await world.start();

    await isTakenBack();
  });

  it('is not given up for want of room before it was looked for', async () => {
    const [oldest, newer, target] = ['oldest', 'newer', 'target'].map((name) => world.world.dir.join(name)) as [
      string,
      string,
      string,
    ];
    const trash = await DepotTrash.open(world.world.dir.join('trash'), world.clock);
    for (const folder of [oldest, newer]) {
      await mkdir(folder);
      await writeFile(join(folder, 'content'), folder);
      await trash.put(basename(folder), folder, { name: 'plan', fileId: 'content', bytes: 10 });
    }
    trash.want('oldest', 'content');

    const freed = await trash.freeUp(20);

    expect(freed).to.equal(10);
    expect(await trash.takeBack('newer', 'content', target)).to.equal(false);
    expect(await trash.takeBack('oldest', 'content', target)).to.equal(true);
    expect(await readFile(target, 'utf8')).to.equal(oldest);
  });
});
