import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { readTree, writeTree } from '../download/folder-fixture.js';
import { resultOf } from '../e2e/json-results.js';
import { inWorld, type World } from '../e2e/world.js';
import { runCli } from '../support/program.js';
import { randomFrom, seedFor } from '../support/seed.js';
import { sha256File } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

const KIB = 1024;
const MIB = KIB * KIB;
const KILLS = 8;
const DEPOT = ['--depot', '1G'];

describe('a depot that meets with accidents', function () {
  this.timeout(180_000);

  it(
    'is killed again and again while many files and a folder are put, and has all of them when put says done',
    inWorld({ users: ['alice', 'bob', 'archive'], ram: true }, async (world) => {
      await appoint(world);
      let depot = await world.serve('archive', { args: DEPOT });
      await world.serve('alice', { args: ['--upload-limit', '24M'] });
      const sizes = [...Array.from({ length: 80 }, (_, n) => 1 + ((n * 7_919) % (600 * KIB))), 48 * MIB];
      const paths = await Promise.all(sizes.map((size, n) => world.file('alice', `file-${n}.bin`, size, n)));
      const root = world.path('alice-folder/project');
      const notes = Object.fromEntries(
        Array.from({ length: 3_000 }, (_, n) => [`notes/${n % 40}/${n}.txt`, `note ${n}`]),
      );
      await writeTree(root, notes);
      const random = randomFrom(seedFor('depot kills'));

      const putting = world.start('alice', ['put', ...paths, root]);
      for (let kill = 0; kill < KILLS; kill += 1) {
        await pause(200 + random() * 1_000);
        await depot.process.stop('SIGKILL');
        depot = await world.serve('archive', { args: DEPOT });
      }
      const put = await putting;
      const { code } = await put.waitForExit(120_000);
      // What put has said done is durable: nobody of those that were there is asked any more.
      await depot.process.stop('SIGKILL');
      await world.cli('alice', ['xit']);
      await world.killTracker('SIGKILL');
      await world.startTracker();
      await world.serve('archive', { args: DEPOT });

      expect(code, put.describe()).to.equal(0);
      for (const path of paths) world.noteContent(path.split('/').at(-1)!, await sha256File(path));
      for (let n = 0; n < paths.length; n += 9) {
        const got = await world.cli('bob', ['get', `file-${n}.bin`]);
        expect(got.code, got.stderr).to.equal(0);
      }
      const folder = await world.cli('bob', ['get', 'project'], { downloads: world.path('bob-folder') });
      expect(folder.code, folder.stderr).to.equal(0);
      expect(await readTree(world.path('bob-folder/project'))).to.deep.equal(await readTree(root));
    }),
  );

  it(
    'keeps everything while its tracker runs with the data of an older day, and serves it when that has its memory back',
    inWorld({ users: ['alice', 'bob', 'archive'] }, async (world) => {
      await appoint(world);
      await world.serve('archive', { args: DEPOT });
      const [data, older, newer] = ['tracker', 'older', 'newer'].map((name) => world.path(name)) as [
        string,
        string,
        string,
      ];
      const change = async (from: string, keep: string): Promise<void> => {
        await world.killTracker('SIGTERM');
        if (keep !== '') await cp(data, keep, { recursive: true });
        if (from !== '') {
          await rm(data, { recursive: true });
          await cp(from, data, { recursive: true });
        }
        await world.startTracker();
      };
      await change('', older);
      const path = await world.file('alice', 'plan.bin', 3 * MIB);
      resultOf(await world.cli('alice', ['put', path]));

      await change(older, newer);
      const lost = () => filesOf(world, 'trash');
      await waitFor(async () => (await lost()).some((name) => name === 'about.json'), {
        what: 'the copy to be in the trash',
        timeoutMs: 60_000,
      });
      const missed = await world.cli('bob', ['get', 'plan.bin']);
      const told = await world.cli('archive', ['status']);
      await change(newer, '');

      await waitFor(async () => (await lost()).length === 0, { what: 'the copy to be taken back', timeoutMs: 60_000 });
      const got = await waitFor(
        async () => {
          const done = await world.cli('bob', ['get', 'plan.bin']);
          return done.code === 0 ? done : undefined;
        },
        { what: 'the copy to be served again', timeoutMs: 60_000 },
      );
      world.noteContent('plan.bin', await sha256File(path));
      expect(missed.code).to.equal(4);
      expect(JSON.stringify(told.result)).to.contain('knows nothing of 1 of the 1 copies');
      expect(got.code).to.equal(0);
    }),
  );
});

async function appoint(world: World): Promise<void> {
  const done = await runCli(['user', 'appoint', 'archive', '--data', world.path('tracker')]);
  expect(done.code, done.stderr).to.equal(0);
}

async function filesOf(world: World, folder: string): Promise<string[]> {
  const entries = await readdir(world.place('archive').data, { recursive: true, withFileTypes: true });
  const isInside = new RegExp(`[\\\\/]depot[\\\\/]${folder}[\\\\/]`);
  return entries.filter((entry) => entry.isFile() && isInside.test(join(entry.parentPath, ''))).map(({ name }) => name);
}
