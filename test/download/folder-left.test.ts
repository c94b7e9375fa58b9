import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'chai';

import { seededBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { FolderHome, folderRequest, readTree, writeTree } from './folder-fixture.js';
import { type Publication, type Reader, World } from './swarm-fixture.js';

const CHUNK = 256 * 1024;
const PUBLICATION = 'folder-of-alice______';
const forever = { signal: new AbortController().signal };
/** For machines that do much else. */
const PATIENT = { timeoutMs: 50_000 };

describe('What a stopped download of a folder left', () => {
  let world: World;
  let home: FolderHome;
  let root: string;
  let published: Publication;
  let bob: Reader;

  beforeEach(async () => {
    world = await World.open();
    home = await FolderHome.open(world, 'alice');
    root = world.dir.join('photos');
    await writeTree(root, {
      'a.jpg': 'one',
      'b.jpg': 'two',
      'film.bin': seededBytes(3 * CHUNK, 1),
      'late.txt': 'late',
    });
    published = await home.publish(root, PUBLICATION);
    const alice = await world.peer('alice', [], { files: home.files });
    world.list(published, alice.offer());
    bob = await world.downloads('bob', [published], { folders: (await FolderHome.open(world, 'bob')).local });
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** All has come but `late.txt`, which is not any more what was published. */
  async function stopBeforeItsEnd(changes = {}): Promise<void> {
    await writeFile(join(root, 'late.txt'), 'LATE');
    const stop = new AbortController();
    const getting = bob.downloads.get(folderRequest(published, bob.folder, changes), { signal: stop.signal });
    await waitFor(() => bob.downloads.rows().at(-1)?.files?.done === 3, { what: 'all others', ...PATIENT });
    stop.abort();
    await getting.catch(() => undefined);
    await writeFile(join(root, 'late.txt'), 'late');
    await home.publish(root, PUBLICATION); // It is read again: what was published is there again.
  }

  it('stays for it when some of the folder is fetched to the same place meanwhile', async () => {
    await stopBeforeItsEnd();

    await bob.downloads.get(folderRequest(published, bob.folder, { inside: '*.jpg' }), forever);
    const some = [...(await readTree(join(bob.folder, 'photos'))).keys()];
    await rm(join(bob.folder, 'photos'), { recursive: true });
    const row = await bob.downloads.get(folderRequest(published, bob.folder), forever);

    expect(some).to.deep.equal(['a.jpg', 'b.jpg']);
    expect(await readTree(join(bob.folder, 'photos'))).to.deep.equal(await readTree(root));
    expect(row.resumedBytes, 'is not fetched again').to.equal(3 * CHUNK + 'onetwo'.length);
  });
});
