import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

import type { FaultLabel } from '../../peer/download/fault-point.js';
import type { ChildOutcome, ChildTask } from '../download/download-child.js';
import { FolderHome, folderRequest, readTree, writeTree } from '../download/folder-fixture.js';
import { World } from '../download/swarm-fixture.js';
import { listProcess } from '../support/leftovers.js';
import { seededBytes } from '../support/temp.js';

const CHILD = fileURLToPath(new URL('../download/download-child.js', import.meta.url));
const PUBLICATION = 'folder-of-alice______';
const SMALL = Array.from({ length: 30 }, (_, index) => [`small/${index}.bin`, seededBytes(100_000, index)] as const);
const LARGE = seededBytes(900_000, 99);

describe('Download of a folder in a process that dies', function () {
  this.timeout(60_000);
  let world: World;
  let task: ChildTask;
  let root: string;
  let folder: string;
  beforeEach(async () => {
    world = await World.open();
    const home = await FolderHome.open(world, 'alice');
    root = world.dir.join('photos');
    await writeTree(root, { ...Object.fromEntries(SMALL), 'large.bin': LARGE });
    const publication = await home.publish(root, PUBLICATION);
    const alice = await world.peer('alice', [], { files: home.files });
    const reader = await world.downloads('bob', []);
    folder = reader.folder;
    const { fileId, size } = publication;
    const ticket = world.ticketFor(publication, reader.identity.pin);
    task = {
      identity: world.dir.join('bob.pem'),
      request: folderRequest(publication, folder),
      sources: { fileId, size, revision: 1, sources: [alice.offer()], ticket },
    };
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function runChild(fault: string): Promise<{ signal: string | null; outcome: ChildOutcome | undefined }> {
    const env = { ...process.env, DOWNLOAD_TASK: JSON.stringify(task), SHOAL_TEST_FAULTS: '1', FAULT_AT: fault };
    const child = spawn(process.execPath, [CHILD], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const done = listProcess(child.pid ?? 0, 'a downloading process');
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    done();
    return { signal, outcome: text === '' ? undefined : (JSON.parse(text) as ChildOutcome) };
  }

  const steps: [at: FaultLabel, passing: number][] = [
    ['files-arrived', 1],
    ['files-written', 2],
    ['chunk-written', 2],
    ['folder-before-rename', 1],
    ['folder-after-rename', 1],
  ];
  for (const [at, passing] of steps) {
    it(`is whole or not there after a kill at ${at}, and the next get makes it whole`, async () => {
      const killed = await runChild(`${at}:${passing}`);
      const there = readdirSync(folder).filter((name) => !name.startsWith('.'));
      const isPlaced = at === 'folder-after-rename';
      expect(killed.signal).to.equal('SIGKILL');
      expect(there).to.deep.equal(isPlaced ? ['photos'] : []);

      const again = isPlaced ? undefined : await runChild('');

      expect(await readTree(join(folder, 'photos'))).to.deep.equal(await readTree(root));
      const received = again?.outcome?.receivedBytes ?? 0;
      if (at === 'folder-before-rename') expect(received, 'nothing is fetched again').to.equal(0);
      if (at === 'files-written') expect(received).to.be.below(LARGE.length + SMALL.length * 100_000);
    });
  }
});
