import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'chai';

import type { SharedFiles } from '../../peer/upload/shared-file.js';
import { seededBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { problemOf } from './expect-problem.js';
import { FolderHome, folderRequest, handmade, writeTree } from './folder-fixture.js';
import { type Publication, World } from './swarm-fixture.js';

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
});
