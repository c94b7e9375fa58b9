import { chmod, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { FolderHome, folderRequest, readTree, writeTree } from '../../download/folder-fixture.js';
import type { Publication, TestPeer } from '../../download/swarm-fixture.js';
import { seededBytes } from '../../support/temp.js';
import { waitFor } from '../../support/wait-for.js';
import { DepotWorld } from './depot-fixture.js';

const LARGE = seededBytes(700_000, 1);
const TREE = { 'a.txt': 'one', 'deep/er/b.txt': 'two', 'large.bin': LARGE, 'empty.txt': '' };

describe('Depot with folders', () => {
  let world: DepotWorld;
  let home: FolderHome;
  let alice: TestPeer;
  let root: string;
  beforeEach(async () => {
    world = await DepotWorld.open();
    home = await FolderHome.open(world.world, 'alice');
    alice = await world.world.peer('alice', [], { files: home.files });
    root = world.world.dir.join('project');
    await writeTree(root, TREE);
    await writeTree(root, { 'run.sh': '#!/bin/sh\n' });
    await chmod(join(root, 'run.sh'), 0o755);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function publish(before?: Publication): Promise<Publication> {
    const publication = await home.publish(root, before?.publicationId ?? 'project______________');
    const bytes = [...(await readTree(root)).values()].reduce(
      (sum, text) => sum + Buffer.from(text.replace(/^x /, ''), 'base64').length,
      0,
    );
    if (before !== undefined) world.replace(before, publication);
    else world.publications.push(publication);
    world.world.sources.set(publication.publicationId, [alice.offer()]);
    world.tracker.want(publication, { kind: 'folder', bytes });
    return publication;
  }

  async function stored(): Promise<Publication> {
    const publication = await publish();
    await world.start();
    await waitFor(() => world.tracker.isStored(publication), { what: 'the folder to be stored' });
    return publication;
  }

  const treeOf = (publication: Publication): Promise<Map<string, string>> => readTree(world.pathOf(publication));

  it('stores listing and files, counts all of them, and serves the whole and a path when the owner is gone', async () => {
    const publication = await stored();
    await world.leave(alice);

    expect(await treeOf(publication)).to.deep.equal(await readTree(root));
    expect(world.copies.usedBytes).to.equal(publication.size + LARGE.length + 3 + 3 + 10);
    const depot = await world.world.peer('cellar', [], { files: world.copies.shared });
    world.world.list(publication, depot.offer());
    const bob = await world.world.downloads('bob', world.publications);
    await bob.downloads.get(folderRequest(publication, bob.folder, { fileName: 'whole' }), world.options);
    const one = folderRequest(publication, bob.folder, { fileName: 'b.txt', inside: 'deep/er/b.txt' });
    await bob.downloads.get(one, world.options);
    expect(await readTree(join(bob.folder, 'whole'))).to.deep.equal(await readTree(root));
  });

  it('is the same after a restart, without reading or fetching anything again', async () => {
    const publication = await stored();
    await world.stop();
    await world.leave(alice);
    const reads = world.hasher.reads;

    await world.start();
    await waitFor(() => world.tracker.looks > 2);

    expect(world.tracker.said).to.deep.equal(['all']);
    expect(world.hasher.reads).to.equal(reads);
    expect(world.copies.shared.find(publication.publicationId, publication.fileId)).to.have.property('name', 'project');
  });

  it('fetches only what changed when the folder was published anew, and keeps the old one until then', async () => {
    const before = await stored();
    await writeFile(join(root, 'a.txt'), 'another');
    await rename(join(root, 'deep'), join(root, 'moved'));

    const next = await publish(before);
    world.depot.told();
    await waitFor(() => world.tracker.isStored(next), { what: 'the new content to be stored' });

    expect(await treeOf(next)).to.deep.equal(await readTree(root));
    expect(world.downloads.rows().at(-1)?.receivedBytes).to.be.within(1, 10_000);
    expect((await readdir(join(world.dir, 'files', next.publicationId))).sort()).to.deep.equal([
      next.fileId,
      `${next.fileId}.list`,
    ]);
  });

  it('sets a damaged folder aside, and fetches only what is wrong in it', async () => {
    const publication = await stored();
    await writeFile(join(world.pathOf(publication), 'deep/er/b.txt'), 'bad');

    world.depot.suspect(publication.publicationId);
    await waitFor(() => world.tracker.said.includes('none'));
    await waitFor(() => world.tracker.isStored(publication), { what: 'a whole folder' });

    expect(await treeOf(publication)).to.deep.equal(await readTree(root));
    expect(world.downloads.rows().at(-1)?.receivedBytes).to.be.within(1, 10_000);
    expect(world.notices.join()).to.contain('project is damaged');
  });

  it('keeps the damaged folder while nobody has a whole one', async () => {
    const publication = await stored();
    await world.leave(alice);
    await writeFile(join(world.pathOf(publication), 'deep/er/b.txt'), 'bad');

    world.depot.suspect(publication.publicationId);
    await waitFor(() => !world.tracker.isStored(publication));

    const aside = await readTree(`${world.pathOf(publication)}.damaged`);
    expect(aside.get('a.txt')).to.equal(Buffer.from('one').toString('base64'));
  });

  it('keeps a folder of which something cannot be read, and says what', async () => {
    const publication = await stored();
    world.hasher.trouble = 'EIO';
    await rm(join(world.pathOf(publication), 'deep'), { recursive: true });
    await writeFile(join(world.pathOf(publication), 'huge.bin'), seededBytes(17 * 1024 * 1024, 4)); // large ones are read by the hasher

    world.depot.suspect(publication.publicationId);
    await waitFor(() => world.notices.some((text) => text.includes('EIO')));

    expect(world.tracker.isStored(publication)).to.equal(true);
    expect((await treeOf(publication)).has('a.txt')).to.equal(true);
  });

  it('refuses a folder that is larger than its owner said', async () => {
    const publication = await publish();
    world.tracker.want(publication, { kind: 'folder', bytes: 1_000 });

    await world.start();

    await waitFor(() => world.notices.some((text) => text.includes('more than the 1000 B')));
    expect(await readdir(join(world.dir, 'files', publication.publicationId))).not.to.include(publication.fileId);
    expect(world.copies.usedBytes).to.equal(0);
  });

  it('drops all of it', async () => {
    const publication = await stored();

    world.tracker.drop(publication);
    world.depot.told();
    await waitFor(() => world.tracker.rows.size === 0);

    expect(await readdir(join(world.dir, 'files'))).to.deep.equal([]);
    expect(world.copies.usedBytes).to.equal(0);
  });
});
