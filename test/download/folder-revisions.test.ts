import { mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'chai';

import type { SharedFiles } from '../../peer/upload/shared-file.js';
import { seededBytes } from '../support/temp.js';
import { mountTmpfs, unmount } from '../support/tmpfs.js';
import { waitFor } from '../support/wait-for.js';
import { problemOf } from './expect-problem.js';
import { FolderHome, folderRequest, handmade, writeTree } from './folder-fixture.js';
import { type Publication, World } from './swarm-fixture.js';

const MIB = 1024 * 1024;
const PUBLICATION = 'folder-of-alice______';
const forever = { signal: new AbortController().signal };
/** For machines that do much else. */
const PATIENT = { timeoutMs: 50_000 };
/** More than any disk on which tests run has free, bytes. */
const HUGE = 2 ** 50;
const LARGEST = 2 ** 42;

describe('Download of a folder that is published anew meanwhile', () => {
  let world: World;
  afterEach(() => world[Symbol.asyncDispose]());

  it('asks again whether there is room, for what the new revision has', async () => {
    world = await World.open();
    const home = await FolderHome.open(world, 'alice');
    const root = world.dir.join('photos');
    await writeTree(root, { 'a.bin': seededBytes(100_000, 1), 'b.bin': seededBytes(100_000, 2) });
    const publications: Publication[] = [await home.publish(root, PUBLICATION)];
    const huge = await handmade(
      world,
      Array.from({ length: HUGE / LARGEST }, (_, n) => {
        const fileId = n.toString(16).padStart(64, '0');
        return JSON.stringify({ path: String(n).padStart(4, '0'), size: LARGEST, fileId, executable: false });
      }),
    );
    const files: SharedFiles = {
      find: (publicationId, fileId) =>
        fileId === huge.shared.fileId ? { ...huge.shared, publicationId } : home.files.find(publicationId, fileId),
      findFile: () => undefined,
    };
    const alice = await world.peer('alice', [], { files });
    world.sources.set(PUBLICATION, [alice.offer()]);
    const identity = await world.identity('bob');
    const tracker = { ...world.trackerPort(publications, identity.pin), latest: async () => publications[0] };
    const { downloads, folder } = await world.downloads('bob', [], { tracker });
    await writeFile(join(root, 'b.bin'), 'changed since it was published');

    const getting = problemOf(downloads.get(folderRequest(publications[0]!, folder), forever));
    await waitFor(() => downloads.rows()[0]?.files?.done === 1, { what: 'the other file', ...PATIENT });
    publications.splice(0, 1, { ...huge.publication, publicationId: PUBLICATION });

    const { code, message } = await getting;
    expect(code).to.equal('disk-full');
    expect(message).to.match(/photos needs .* more\. This disk has .* free/);
  });

  it('counts as there what the last revision left alone, not what went before it', async function () {
    world = await World.open();
    const home = await FolderHome.open(world, 'alice');
    const root = world.dir.join('photos');
    const publications: Publication[] = [];
    const alice = await world.peer('alice', [], { files: home.files });
    world.sources.set(PUBLICATION, [alice.offer()]);
    const identity = await world.identity('bob');
    const tracker = { ...world.trackerPort(publications, identity.pin), latest: async () => publications[0] };
    const { downloads, folder } = await world.downloads('bob', [], { tracker });
    if (!(await mountTmpfs(folder, 'size=40m'))) return this.skip(); // only root may mount
    /** A large file in the place of the one before, and one that nobody will have as it is published. */
    const publish = async (name: string, bytes: number): Promise<void> => {
      await rm(root, { recursive: true, force: true });
      await writeTree(root, { [name]: '', 'late.txt': name });
      await truncate(join(root, name), bytes);
      const published = await home.publish(root, PUBLICATION);
      await writeFile(join(root, 'late.txt'), 'changed since it was published');
      publications.splice(0, 1, published);
    };
    const hasCome = (): boolean => {
      const [row] = downloads.rows();
      return row?.fileId === publications[0]?.fileId && row?.files?.done === 1;
    };
    try {
      await publish('one.bin', 10 * MIB);
      const getting = problemOf(downloads.get(folderRequest(publications[0]!, folder), forever));
      await waitFor(hasCome, { what: 'the first large file', ...PATIENT });
      await publish('two.bin', 10 * MIB);
      await waitFor(hasCome, { what: 'the second one', ...PATIENT });
      await publish('three.bin', 33 * MIB);

      const { code, message } = await getting;

      expect(code).to.equal('disk-full');
      expect(message).to.contain('photos needs 33');
    } finally {
      await downloads.stop();
      await unmount(folder);
    }
  });

  it('asks whether there is room for what an earlier run has not fetched yet', async function () {
    world = await World.open();
    const home = await FolderHome.open(world, 'alice');
    const root = world.dir.join('photos');
    await writeTree(root, { 'a.bin': seededBytes(10 * MIB, 1), 'b.bin': '' });
    await truncate(join(root, 'b.bin'), 20 * MIB);
    const published = await home.publish(root, PUBLICATION);
    const alice = await world.peer('alice', [], { files: home.files });
    world.list(published, alice.offer());
    const { downloads, folder } = await world.downloads('bob', [published]);
    if (!(await mountTmpfs(folder, 'size=40m'))) return this.skip(); // only root may mount
    try {
      const part = join(folder, `.photos.${PUBLICATION.slice(0, 16)}.part`);
      await mkdir(part, { mode: 0o700 });
      await writeTree(join(part, 'files'), { 'a.bin': seededBytes(10 * MIB, 1) });

      const { code, message } = await problemOf(downloads.get(folderRequest(published, folder), forever));

      expect(code).to.equal('disk-full');
      expect(message).to.contain('photos needs 20');
    } finally {
      await downloads.stop();
      await unmount(folder);
    }
  });

  it('asks whether there is room for what has changed in a folder that is brought up to date', async function () {
    world = await World.open();
    const home = await FolderHome.open(world, 'alice');
    const root = world.dir.join('photos');
    await writeTree(root, { 'a.bin': seededBytes(10 * MIB, 1), 'b.bin': 'small before' });
    const publications = [await home.publish(root, PUBLICATION)];
    const alice = await world.peer('alice', [], { files: home.files });
    world.list(publications[0]!, alice.offer());
    const { local } = await FolderHome.open(world, 'bob');
    const { downloads, folder } = await world.downloads('bob', publications, { folders: local });
    if (!(await mountTmpfs(folder, 'size=40m'))) return this.skip(); // only root may mount
    const get = () => downloads.get(folderRequest(publications[0]!, folder, { force: true }), forever);
    const publishAnew = async (): Promise<void> => {
      publications.splice(0, 1, await home.publish(root, PUBLICATION));
    };
    try {
      await get();
      await rename(join(root, 'a.bin'), join(root, 'c.bin'));
      await writeTree(root, { 'b.bin': seededBytes(3 * MIB, 2) });
      await publishAnew();
      await get();
      await truncate(join(root, 'b.bin'), 22 * MIB);
      await publishAnew();

      const { code, message } = await problemOf(get());

      expect(code).to.equal('disk-full');
      expect(message).to.contain('photos needs 22');
    } finally {
      await downloads.stop();
      await unmount(folder);
    }
  });
});
