// A disk on which a flush fails, whichever: F15 of the fault catalogue. Success is never reported for what may not be on it.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { ChildTask } from '../download/download-child.js';
import { FolderHome, folderRequest, readTree, writeTree } from '../download/folder-fixture.js';
import { runChild } from '../download/run-child.js';
import { World } from '../download/swarm-fixture.js';
import { seededBytes } from '../support/temp.js';

const CHUNK = 256 * 1024;
const PUBLICATION = 'folder-of-alice______';
/** strace counts the calls of each thread for itself. */
const FAILING = Array.from({ length: 20 }, (_, index) => index + 1);

describe('a flush that fails', function () {
  this.timeout(180_000);
  let world: World;

  before(async function () {
    const tried = promisify(execFile)('strace', ['-f', '-o', '/dev/null', 'true']);
    if (
      !(await tried.then(
        () => true,
        () => false,
      ))
    )
      this.skip(); // No strace, or no right to trace.
  });
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** Lets the fsync number `when` of each thread fail; tells how it ended, and whether one did. */
  async function runFailing(task: ChildTask, when: number): Promise<{ code: string | undefined; hasFailed: boolean }> {
    const trace = world.dir.join('trace');
    const inject = ['-e', 'trace=fsync,fdatasync', '-e', `inject=fsync,fdatasync:error=EIO:when=${when}`];
    const { outcome } = await runChild(task, { wrapper: ['strace', '-f', '-o', trace, ...inject] });
    return { code: outcome?.code, hasFailed: (await readFile(trace, 'utf8')).includes('(INJECTED)') };
  }

  it('number 1 to 20, while a folder is fetched: nothing appears under its name, and the next get makes it whole', async () => {
    const home = await FolderHome.open(world, 'alice');
    const root = world.dir.join('photos');
    const small = Array.from({ length: 50 }, (_, n) => [`${n % 7}/${n}.txt`, seededBytes(900, n)] as const);
    await writeTree(root, { ...Object.fromEntries(small), 'large.bin': seededBytes(3 * CHUNK, 99) });
    const published = await home.publish(root, PUBLICATION);
    const alice = await world.peer('alice', [], { files: home.files });
    const bob = await world.downloads('bob', []);
    const { fileId, size } = published;
    const task: ChildTask = {
      identity: world.dir.join('bob.pem'),
      request: folderRequest(published, bob.folder),
      sources: {
        ...{ fileId, size, revision: 1, sources: [alice.offer()] },
        ticket: world.ticketFor(published, bob.identity.pin),
      },
    };
    const wanted = await readTree(root);
    let failures = 0;
    for (const when of FAILING) {
      const { code, hasFailed } = await runFailing(task, when);
      if (hasFailed) failures += 1;
      expect(code, `when fsync ${when} fails`).to.equal(hasFailed ? 'unwritable' : 'done');
      expect(existsSync(join(bob.folder, 'photos')), `after fsync ${when}`).to.equal(!hasFailed);
      if (hasFailed) expect((await runChild(task)).outcome?.code, `the get after fsync ${when}`).to.equal('done');
      expect(await readTree(join(bob.folder, 'photos'))).to.deep.equal(wanted);
      expect(readdirSync(bob.folder)).to.deep.equal(['photos']);
      await rm(join(bob.folder, 'photos'), { recursive: true });
    }
    expect(failures, 'how many there were to fail').to.be.at.least(15);
  });
});
