import { cp, mkdir, readdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { TRASH_KEPT_MS } from '../../../peer/depot/depot-trash.js';
import type { Publication } from '../../download/swarm-fixture.js';
import { mountTmpfs, unmount } from '../../support/tmpfs.js';
import { waitFor } from '../../support/wait-for.js';
import { DepotWorld } from './depot-fixture.js';

describe('Depot', () => {
  let world: DepotWorld;
  beforeEach(async () => {
    world = await DepotWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** A file that the depot stores, with its owner gone unless `stays`. */
  async function storedCopy({ stays = false } = {}): Promise<Publication> {
    const file = await world.published('plan', 1_000);
    world.tracker.want(file);
    const alice = await world.world.peer('alice', [file]);
    await world.start();
    await waitFor(() => world.tracker.isStored(file), { what: 'the copy to be stored' });
    if (!stays) await world.leave(alice);
    return file;
  }

  const bytesAt = async (path: string): Promise<Buffer | undefined> => readFile(path).catch(() => undefined);
  const told = (part: string): Promise<unknown> =>
    waitFor(() => world.notices.some((text) => text.includes(part)), { what: `to be told of ${part}` });

  describe('with a copy that is in doubt', () => {
    for (const trouble of ['EIO', 'EMFILE', 'EACCES']) {
      it(`keeps it when it cannot be read (${trouble}), says so, and reads it later`, async () => {
        const file = await storedCopy();
        world.hasher.trouble = trouble;

        world.depot.suspect(file.publicationId);
        await told(trouble);

        expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);
        expect(world.tracker.isStored(file)).to.equal(true);
        expect(world.copies.shared.find(file.publicationId, file.fileId)).to.have.property('size', file.size);
        const reads = world.hasher.reads;
        await world.pass();
        await waitFor(() => world.hasher.reads > reads, { what: 'the copy to be read again' });
        expect(world.tracker.isStored(file)).to.equal(true);
      });
    }

    it('says that it has none when it cannot be read for long, keeps it, and has it again when it can be read', async () => {
      const file = await storedCopy(); // its owner has left: nobody has it but this depot
      world.hasher.trouble = 'EIO';
      world.hasher.isLasting = true;

      world.depot.suspect(file.publicationId);
      await waitFor(
        async () => {
          await world.pass();
          return !world.tracker.isStored(file);
        },
        { what: 'the tracker to be told' },
      );
      expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);

      world.hasher.trouble = undefined;
      await waitFor(
        async () => {
          await world.pass();
          return world.tracker.isStored(file);
        },
        { what: 'the copy to count again' },
      );
      expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);
    });

    it('sets it aside when it was read and is wrong, and keeps that until a whole one is stored', async () => {
      const file = await storedCopy();
      await writeFile(world.pathOf(file), 'not what was put');

      world.depot.suspect(file.publicationId);
      await told('damaged');
      await waitFor(() => !world.tracker.isStored(file));

      const aside = `${world.pathOf(file)}.damaged`;
      expect(String(await bytesAt(aside))).to.equal('not what was put');
      expect(world.copies.shared.find(file.publicationId, file.fileId)).to.equal(undefined);

      await world.world.peer('alice', [file]);
      world.depot.told();
      await waitFor(() => world.tracker.isStored(file), { what: 'a whole copy' });
      expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);
      expect(await bytesAt(aside)).to.equal(undefined);
    });

    it('that was removed behind its back says that it has none, and fetches it again', async () => {
      const file = await storedCopy({ stays: true });
      await rm(world.pathOf(file));

      world.depot.suspect(file.publicationId);
      await waitFor(() => world.tracker.said.includes('none'));

      await waitFor(() => world.tracker.isStored(file), { what: 'the copy to be fetched again' });
      expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);
    });

    it('tells the tracker nothing new when it is as it was', async () => {
      const file = await storedCopy();
      const reads = world.hasher.reads;

      world.depot.suspect(file.publicationId);
      await waitFor(() => world.hasher.reads > reads && world.tracker.said.length > 1);

      expect(world.tracker.said).not.to.include('none');
      expect(world.notices).to.deep.equal([]);
    });
  });

  it('reads what it stores again from time to time, says what its disk has lost, and fetches that anew', async () => {
    const file = await storedCopy({ stays: true });
    await writeFile(world.pathOf(file), 'what a failing disk makes of it');

    await waitFor(() => {
      world.clock.advance(60_000);
      return world.tracker.said.includes('none');
    });

    await told('damaged');
    await waitFor(() => world.tracker.isStored(file), { what: 'a whole copy' });
    expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);
  });

  describe('after a restart', () => {
    it('reads a copy whose time or inode has changed, and keeps it', async () => {
      const file = await storedCopy();
      await world.stop();
      await cp(world.pathOf(file), `${world.pathOf(file)}.new`);
      await rename(`${world.pathOf(file)}.new`, world.pathOf(file));
      await utimes(world.pathOf(file), 1, 1);

      await world.start();
      await waitFor(
        () => world.copies.shared.find(file.publicationId, file.fileId)?.identity?.mtimeNs === 1_000_000_000n,
      );

      expect(world.tracker.said).not.to.include('none');
    });

    it('takes a file that has no record for what it is, without fetching it', async () => {
      const file = await storedCopy();
      await world.stop();
      await world.loseRecords();

      await world.start();

      await waitFor(() => world.copies.shared.find(file.publicationId, file.fileId) !== undefined);
      await waitFor(() => world.tracker.isStored(file));
    });

    it('does not start on a disk that is not mounted', async () => {
      const file = await storedCopy();
      await world.stop();
      await rename(join(world.dir, 'files'), join(world.dir, 'elsewhere'));

      const refusal = await world.start().catch((error: Error) => error.message);
      await rm(join(world.dir, 'files'), { recursive: true });
      await rename(join(world.dir, 'elsewhere'), join(world.dir, 'files'));
      await world.start();

      expect(refusal).to.contain('Mount its disk');
      expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);
      expect(world.tracker.said).to.deep.equal(['all']);
    });
  });

  describe('at a tracker that has lost its memory', () => {
    it('keeps the copies in its trash, says so, and takes them back when they are wanted again', async () => {
      const file = await storedCopy();
      const remembered = new Map(world.tracker.rows);
      world.tracker.rows.clear();

      world.depot.loggedIn();
      await told('knows nothing of 1 of the 1 copies');

      expect(await bytesAt(world.pathOf(file))).to.equal(undefined);
      expect(world.copies.shared.find(file.publicationId, file.fileId)).to.equal(undefined);
      const [lost = ''] = await readdir(join(world.dir, 'trash'));
      const about = JSON.parse(await readFile(join(world.dir, 'trash', lost, 'about.json'), 'utf8'));
      expect(about).to.deep.equal({ name: 'plan', fileId: file.fileId, bytes: file.size });

      for (const [id, row] of remembered) world.tracker.rows.set(id, row);
      await world.stop();
      await world.start();
      await waitFor(() => world.copies.shared.find(file.publicationId, file.fileId) !== undefined);
      expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);
      expect(await readdir(join(world.dir, 'trash'))).to.deep.equal([]);
    });

    it('gives up what is in the trash for new copies, the oldest first, and in the end', async () => {
      const file = await storedCopy();
      world.tracker.rows.clear();
      world.depot.loggedIn();
      await told('knows nothing');
      await world.stop();

      const big = await world.published('big', 1_500, 2);
      await world.world.peer('bob', [big]);
      world.tracker.want(big);
      await world.start({ capacity: 2_000 });
      await waitFor(() => world.tracker.isStored(big), { what: 'the new copy to be stored' });
      expect(await readdir(join(world.dir, 'trash'))).to.deep.equal([]);

      world.tracker.rows.clear();
      world.depot.loggedIn();
      await waitFor(async () => (await readdir(join(world.dir, 'trash'))).length === 1);
      world.clock.advance(TRASH_KEPT_MS + 1);
      world.depot.loggedIn();
      await waitFor(async () => (await readdir(join(world.dir, 'trash'))).length === 0);
      expect(file.publicationId).not.to.equal(big.publicationId);
    });

    it('leaves in the trash what is to be read again while it is thrown away', async () => {
      const file = await storedCopy();
      const { trash } = world.copies;
      const takenBack: string[] = [];
      world.copies.takeBack = async ({ publicationId }) => void takenBack.push(publicationId);
      const put = trash.put.bind(trash);
      trash.put = async (...args) => {
        await put(...args);
        world.depot.suspect(file.publicationId); // as the look after a month does, or a download that it failed
      };
      world.tracker.rows.clear();

      world.depot.loggedIn();
      await told('knows nothing of 1 of the 1 copies');
      const { looks } = world.tracker;
      world.depot.loggedIn();
      await waitFor(() => world.tracker.looks > looks, { what: 'another round' });

      expect(takenBack).to.deep.equal([]);
      expect(await bytesAt(world.pathOf(file))).to.equal(undefined);
    });

    it('gives up what was in the trash long enough on a full disk too, and then has room for what comes next', async function () {
      await mkdir(world.dir);
      if (!(await mountTmpfs(world.dir, 'size=32m,mode=700'))) return this.skip(); // only root may mount
      try {
        const [old, next] = [await world.published('old', 1_000_000), await world.published('next', 1_000, 2)];
        await world.world.peer('alice', [old, next]);
        world.tracker.want(old);
        world.tracker.want(next);
        await world.start();
        await waitFor(() => world.tracker.isStored(old) && world.tracker.isStored(next), { what: 'both copies' });
        world.tracker.rows.delete(old.publicationId);
        world.depot.loggedIn();
        await told('knows nothing of 1 of the 2 copies');
        await writeFile(join(world.dir, 'other'), Buffer.alloc(32 * 1024 * 1024)).catch(() => undefined);
        world.clock.advance(TRASH_KEPT_MS + 1);

        world.tracker.rows.clear();
        world.depot.loggedIn();

        const trash = async (): Promise<string> => (await readdir(join(world.dir, 'trash'))).join();
        await waitFor(async () => !(await trash()).includes(old.publicationId), { what: 'what is old to go' });
        await told(`${join(world.dir, 'trash')} could not be written: the disk is full`);
        await world.pass();
        await told('knows nothing of 1 of the 1 copies');
        expect(await trash()).to.contain(next.publicationId);
      } finally {
        await world.stop();
        await unmount(world.dir);
      }
    });

    it('removes from the trash too what it is told to drop', async () => {
      const file = await storedCopy();
      const row = world.tracker.rows.get(file.publicationId)!;
      world.tracker.rows.clear();
      world.depot.loggedIn();
      await told('knows nothing');

      world.tracker.rows.set(file.publicationId, { ...row, do: 'drop' });
      world.depot.told();

      await waitFor(() => world.tracker.rows.size === 0);
      expect(await readdir(join(world.dir, 'trash'))).to.deep.equal([]);
    });

    it('leaves alone what lies among the copies and is not its own', async () => {
      await storedCopy();
      await mkdir(join(world.dir, 'files', 'lost+found'));

      world.depot.loggedIn();
      await waitFor(() => world.tracker.looks > 2);

      expect(await readdir(join(world.dir, 'files'))).to.include('lost+found');
    });
  });

  describe('when content is replaced', () => {
    it('keeps the old copy until the new one is stored', async () => {
      const file = await storedCopy();
      const next = { ...(await world.published('plan', 2_000, 3)), publicationId: file.publicationId };
      world.replace(file, next);
      world.tracker.want(next);

      world.depot.told();
      await told('alice, who has plan, is away');
      expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);

      await world.world.peer('alice', [next]);
      world.depot.told();
      await waitFor(() => world.tracker.isStored(next), { what: 'the new content' });
      expect(await readdir(join(world.dir, 'files', file.publicationId))).to.deep.equal([next.fileId]);
      expect(world.copies.usedBytes).to.equal(next.size);
    });

    it('does not give up the old copy for a new one that comes back wrong from the disk', async () => {
      const file = await storedCopy();
      const next = { ...(await world.published('plan', 2_000, 3)), publicationId: file.publicationId };
      world.replace(file, next);
      world.tracker.want(next);
      await world.stop();
      await writeFile(world.pathOf(next), 'half of it');

      await world.start();
      await told('damaged');

      expect(await bytesAt(world.pathOf(file))).to.have.length(file.size);
      expect(String(await bytesAt(`${world.pathOf(next)}.damaged`))).to.equal('half of it');
    });
  });

  it('drops what it is told to, what was half fetched and set aside too', async () => {
    const file = await storedCopy();
    await truncate(world.pathOf(file), 10);
    world.depot.suspect(file.publicationId);
    await told('damaged');

    world.tracker.drop(file);
    world.depot.told();

    await waitFor(() => world.tracker.rows.size === 0);
    expect(await stat(join(world.dir, 'files', file.publicationId)).catch(() => 'gone')).to.equal('gone');
    expect(world.copies.usedBytes).to.equal(0);
  });

  it('goes on with the rest when one copy cannot be removed, says so, and tries again', async () => {
    const file = await storedCopy({ stays: true });
    const next = await world.published('next', 2_000, 2);
    await world.world.peer('bob', [next]);
    const { copies } = world;
    const { drop } = copies;
    copies.drop = async () => {
      throw Object.assign(new Error('EBUSY: resource busy'), { code: 'EBUSY' });
    };
    world.tracker.drop(file);
    world.tracker.want(next);

    world.depot.told();
    await waitFor(() => world.tracker.isStored(next), { what: 'the other file to be stored' });
    await told('EBUSY');
    copies.drop = drop;
    await world.pass();

    await waitFor(() => !world.tracker.rows.has(file.publicationId), { what: 'the copy to be removed' });
  });

  it('has no room for more than it offers, says that it is full, and goes on with the rest', async () => {
    const big = await world.published('big', 5_000);
    const small = await world.published('small', 500, 2);
    await world.world.peer('alice', [big, small]);
    for (const file of [big, small]) world.tracker.want(file);

    await world.start({ capacity: 1_000 });

    await waitFor(() => world.tracker.isStored(small) && world.tracker.said.includes('full'));
    expect(world.tracker.isStored(big)).to.equal(false);
    expect(world.notices.join()).to.contain('There is no room for big');
  });

  it('tells the same trouble once, however often it tries', async () => {
    const file = await world.published('plan', 1_000);
    world.tracker.want(file);
    await world.start();
    await told('is away');

    for (let round = 0; round < 3; round += 1) {
      const looks = world.tracker.looks;
      await world.pass();
      await waitFor(() => world.tracker.looks > looks);
    }

    expect(world.notices, world.notices.join('\n')).to.have.length(1);
  });
});
