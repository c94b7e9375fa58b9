import { readdirSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'chai';

import { problemOf } from './expect-problem.js';
import { FolderHome, folderRequest, readTree, writeTree } from './folder-fixture.js';
import { type Ended, runChild } from './run-child.js';
import { type Publication, type Reader, type TestPeer, World } from './swarm-fixture.js';

const PUBLICATION = 'folder-of-alice______';
const forever = { signal: new AbortController().signal };

describe('Download of a folder with --force, where something of another kind has a name of it', () => {
  let world: World;
  let home: FolderHome;
  let root: string;
  let publications: Publication[];
  let alice: TestPeer;
  let bob: Reader;
  let target: string;

  beforeEach(async () => {
    world = await World.open();
    home = await FolderHome.open(world, 'alice');
    root = world.dir.join('photos');
    await writeTree(root, { 'a.txt': 'one', notes: 'a file before', 'plans/may.txt': 'may' });
    publications = [await home.publish(root, PUBLICATION)];
    alice = await world.peer('alice', [], { files: home.files });
    world.list(publications[0]!, alice.offer());
    bob = await world.downloads('bob', publications, { folders: (await FolderHome.open(world, 'bob')).local });
    target = join(bob.folder, 'photos');
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const get = (changes = {}) =>
    bob.downloads.get(folderRequest(publications[0]!, bob.folder, { force: true, ...changes }), forever);

  async function publishAnew(): Promise<void> {
    publications.splice(0, 1, await home.publish(root, PUBLICATION));
  }

  it('puts a folder where its publisher had a file', async () => {
    await get();
    await rm(join(root, 'notes'));
    await writeTree(root, { 'notes/june.txt': 'june', 'notes/july/1.txt': 'first' });
    await publishAnew();

    await get();

    expect(await readTree(target)).to.deep.equal(await readTree(root));
    expect(readdirSync(target).toSorted(), 'nothing is left beside them').to.deep.equal(['a.txt', 'notes', 'plans']);
  });

  it('puts an empty folder there too', async () => {
    await get();
    await rm(join(root, 'notes'));
    await mkdir(join(root, 'notes'));
    await publishAnew();

    await get();

    expect(readdirSync(join(target, 'notes'))).to.deep.equal([]);
    expect(readdirSync(target).toSorted()).to.deep.equal(['a.txt', 'notes', 'plans']);
  });

  it('puts the whole folder where a file is', async () => {
    await writeFile(target, 'photos were one file before');

    await get();

    expect(await readTree(target)).to.deep.equal(await readTree(root));
    expect(readdirSync(bob.folder)).to.deep.equal(['photos']);
  });

  describe('in a process that dies between two steps', () => {
    /** Of a process that is killed before the folder has its name, if it is. */
    async function getElsewhere({ isKilled = false, ...changes }): Promise<Ended> {
      const [publication] = publications as [Publication];
      const ticket = world.ticketFor(publication, bob.identity.pin);
      const { fileId, size } = publication;
      const task = {
        identity: world.dir.join('bob.pem'),
        request: folderRequest(publication, bob.folder, { force: true, ...changes }),
        sources: { fileId, size, revision: 1, sources: [alice.offer()], ticket },
      };
      return runChild(task, { env: isKilled ? { SHOAL_TEST_FAULTS: '1', FAULT_AT: 'folder-before-rename' } : {} });
    }

    it('has the file under its name again with the next get', async () => {
      await writeFile(target, 'mine');
      const killed = await getElsewhere({ isKilled: true });

      const { outcome } = await getElsewhere({ force: false });

      expect([killed.signal, outcome?.code]).to.deep.equal(['SIGKILL', 'exists']);
      expect(await readFile(target, 'utf8')).to.equal('mine');
    });

    it('leaves nothing beside the folder when the next get puts it there', async () => {
      await writeFile(target, 'mine');
      const killed = await getElsewhere({ isKilled: true });

      const { outcome } = await getElsewhere({});

      expect([killed.signal, outcome?.code]).to.deep.equal(['SIGKILL', 'done']);
      expect(await readTree(target)).to.deep.equal(await readTree(root));
      expect(readdirSync(bob.folder)).to.deep.equal(['photos']);
    });

    it('leaves nothing inside the folder either', async () => {
      await get();
      await rm(join(root, 'notes'));
      await writeTree(root, { 'notes/june.txt': 'june' });
      await publishAnew();
      const killed = await getElsewhere({ isKilled: true });
      const between = readdirSync(target).toSorted();

      const { outcome } = await getElsewhere({});

      expect([killed.signal, outcome?.code]).to.deep.equal(['SIGKILL', 'done']);
      expect(between, 'nothing under a name of ours').to.deep.equal(['a.txt', 'plans']);
      expect(await readTree(target)).to.deep.equal(await readTree(root));
      expect(readdirSync(bob.folder)).to.deep.equal(['photos']);
    });
  });

  it('leaves the file that is there while the folder cannot be had', async () => {
    await writeFile(target, 'mine');

    const problem = await problemOf(get({ inside: 'none/*' }));

    expect(problem.code).to.equal('not-found');
    expect(await readFile(target, 'utf8')).to.equal('mine');
  });

  it('touches neither folder nor link, and says what to do', async () => {
    await get();
    await rm(join(root, 'plans'), { recursive: true });
    await writeFile(join(root, 'plans'), 'a folder before');
    await publishAnew();
    await symlink(world.dir.path, join(bob.folder, 'link'));

    const folder = await problemOf(get());
    const link = await problemOf(get({ fileName: 'link' }));

    expect(folder.code).to.equal('is-directory');
    expect(folder.message).to.contain(join(target, 'plans')).and.contain('Move it away');
    expect(await readFile(join(target, 'plans/may.txt'), 'utf8')).to.equal('may');
    expect(link.code).to.equal('exists');
    expect(link.message).to.contain('Move it away').and.contain('--as').and.not.contain('--force');
  });
});
