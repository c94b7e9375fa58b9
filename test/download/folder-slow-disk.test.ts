import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';

import { expect } from 'chai';

import type { StageCall } from '../../peer/download/folder/stage-worker.js';
import { hastyClock } from '../support/hasty-clock.js';
import { seededBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { FolderHome, folderRequest, readTree, writeTree } from './folder-fixture.js';
import { type Publication, World } from './swarm-fixture.js';

const PUBLICATION = 'folder-of-alice______';
const forever = { signal: new AbortController().signal };
/** Longer than a download by `hastyClock` waits for a source that sends nothing. */
const LONG_MS = 3_000;
const STALE_FILES = 300;

describe('Download of a folder to a slow disk', () => {
  let world: World;
  let root: string;
  let published: Publication;
  beforeEach(async () => {
    world = await World.open();
    const home = await FolderHome.open(world, 'alice');
    root = world.dir.join('photos');
    await writeTree(root, { 'a.bin': seededBytes(100_000, 9) });
    published = await home.publish(root, PUBLICATION);
    const alice = await world.peer('alice', [], { files: home.files });
    world.list(published, alice.offer());
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('does not give up for want of sources while all that came goes to the disk', async () => {
    const { downloads, folder } = await world.downloads('bob', [published], { clock: hastyClock });
    const fifo = 'pipe';
    execFileSync('mkfifo', [world.dir.join(fifo)]);
    const blockWriter = (worker: Worker): void => {
      if (worker.threadName !== 'writing files') return;
      process.off('worker', blockWriter);
      // Comes behind the first files and before they are synced; the thread waits until somebody writes into the pipe.
      const args = [world.dir.path, [{ to: fifo, size: 1, fileId: '', executable: false }]];
      worker.postMessage({ id: -1, method: 'readFiles', args } satisfies StageCall);
    };
    process.on('worker', blockWriter);

    const getting = downloads.get(folderRequest(published, folder), forever);
    getting.catch(() => undefined); // It is awaited below.
    await waitFor(() => downloads.rows()[0]?.files?.done === 1);
    await pause(LONG_MS);
    const pipe = await open(world.dir.join(fifo), 'r+'); // Waits for no reader: there is none when the download has failed.
    await pipe.write('x');
    await pipe.close();

    expect(await getting).to.include({ state: 'done' });
    expect(await readTree(join(folder, 'photos'))).to.deep.equal(await readTree(root));
  });

  it('needs no source while it removes what an earlier revision left', async () => {
    const { downloads, folder } = await world.downloads('bob', [published]);
    const part = join(folder, `.photos.${PUBLICATION.slice(0, 16)}.part`);
    const staged = join(part, 'files');
    await mkdir(staged, { recursive: true });
    await chmod(part, 0o700);
    await writeTree(staged, Object.fromEntries(Array.from({ length: STALE_FILES }, (_, n) => [`${n}.old`, ''])));
    const left = (): boolean => existsSync(join(staged, `${STALE_FILES - 1}.old`)) || existsSync(join(staged, '0.old'));

    const getting = downloads.get(folderRequest(published, folder), forever);
    await waitFor(() => downloads.rows()[0]?.state === 'checking' && left(), { what: 'work on what was left' });

    expect(await getting).to.include({ state: 'done' });
  });
});
