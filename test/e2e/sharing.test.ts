import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sha256File } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { errorCodeOf } from './json-results.js';
import { inWorld, type World } from './world.js';

const MIB = 1024 * 1024;
const PASSCODE = 'correct horse canary';

describe('terms and names between real processes', () => {
  it(
    'a passcode is asked for by get, refused when wrong, and remembered for a renewed try; no log has it',
    inWorld({ users: ['alice', 'bob'] }, async (world) => {
      const log = world.path('alice.log');
      await world.serve('alice', { args: ['--log-file', log, '--log-level', 'debug'] });
      const path = await world.file('alice', 'plan.bin', 1000);
      await writeFile(world.path('passcode'), `${PASSCODE}\n`);
      const with_ = (passcode: string) => ({ env: { SHOAL_PASSCODE: passcode } });

      await world.publish('alice', path, ['--passcode-file', world.path('passcode')]);
      const silent = await world.cli('bob', ['get', 'plan.bin']);
      const wrong = await world.cli('bob', ['get', 'plan.bin'], with_('wrong'));
      const right = await world.cli('bob', ['get', 'plan.bin'], with_(PASSCODE));
      const again = await world.cli('bob', ['get', 'plan.bin', '--as', 'twice.bin']);
      const listed = await world.cli('bob', ['sch', 'plan'], { json: false });
      world.noteContent('twice.bin', await sha256File(path));

      expect([silent.code, errorCodeOf(silent)]).to.deep.equal([3, 'passcode-needed']);
      expect([wrong.code, errorCodeOf(wrong)]).to.deep.equal([3, 'wrong-passcode']);
      expect([right.code, again.code], right.stderr + again.stderr).to.deep.equal([0, 0]);
      expect(listed.stdout).to.match(/plan\.bin .* passcode /);
      expect(await filesWith(world, PASSCODE)).to.deep.equal([world.path('passcode')]);
    }),
  );

  it(
    'are changed in place: downloads run out, a time passes, and both can be taken away again',
    inWorld({ users: ['alice', 'bob', 'carol'] }, async (world) => {
      await world.serve('alice');
      await world.publish('alice', await world.file('alice', 'plan.bin', 1000), ['--times', '1']);

      const first = await world.cli('bob', ['get', 'plan.bin']);
      const second = await world.cli('carol', ['get', 'plan.bin']);
      const mine = await world.cli('alice', ['lpf'], { json: false });
      const changed = await world.cli('alice', ['rights', 'plan.bin', '--times', 'unlimited', '--expires', '2d'], {
        json: false,
      });
      const third = await world.cli('carol', ['get', 'plan.bin']);

      expect([first.code, second.code, errorCodeOf(second)]).to.deep.equal([0, 3, 'used-up']);
      expect(mine.stdout).to.contain('no downloads left');
      expect(changed.stdout).to.match(/plan\.bin is there until \d{4}-\d\d-\d\d \d\d:\d\d, may be fetched as often/);
      expect(third.code, third.stderr).to.equal(0);
    }),
  );

  it(
    'a new name finds the same content, also after a restart, and the old one nothing',
    inWorld({ users: ['alice', 'bob'] }, async (world) => {
      const peer = await world.serve('alice');
      const path = await world.file('alice', 'plan.bin', 1000);
      const fileId = await world.publish('alice', path);

      const renamed = await world.cli('alice', ['rename', 'plan.bin', 'summer.bin']);
      world.noteRename('alice', 'plan.bin', 'summer.bin');
      await peer.process.stop('SIGTERM');
      await world.serve('alice');
      const old = await world.cli('bob', ['get', 'plan.bin']);
      const got = await world.cli('bob', ['get', 'summer.bin']);
      const { result } = await world.cli('alice', ['lpf']);

      expect([renamed.code, old.code, got.code], renamed.stderr + got.stderr).to.deep.equal([0, 4, 0]);
      expect(result?.['publications']).to.have.length(1).and.to.have.nested.property('[0].fileId', fileId);
    }),
  );

  for (const how of ['another file takes its name', 'the file on the disk is replaced'] as const) {
    it(
      `content that is replaced under a running download (${how}) is fetched to its end; who comes then gets the new one`,
      inWorld({ users: ['alice', 'bob', 'carol'], ram: true }, async (world) => {
        await world.serve('alice', { args: ['--upload-limit', String(4 * MIB)] });
        const path = await world.file('alice', 'big.bin', 8 * MIB);
        const next = await world.file('alice', 'next.bin', MIB, 2);
        await world.publish('alice', path);
        const bob = await world.start('bob', ['get', 'big.bin']);
        await bytesCame(world, 'bob');

        if (how === 'the file on the disk is replaced') await rename(next, path);
        const source = how === 'the file on the disk is replaced' ? path : next;
        await world.publish('alice', source, ['--as', 'big.bin', '--replace']);
        const carol = await world.cli('carol', ['get', 'big.bin']);

        expect(carol.code, carol.stderr).to.equal(0);
        const ended = await bob.exit;
        expect(ended.code, bob.stderrText).to.equal(0);
        const sizes = await Promise.all(
          ['bob', 'carol'].map((user) => stat(join(world.place(user).downloads, 'big.bin'))),
        );
        expect(sizes.map(({ size }) => size)).to.deep.equal([8 * MIB, MIB]);
      }),
    );
  }
});

async function bytesCame(world: World, user: string): Promise<void> {
  await waitFor(
    async () => {
      const { result } = await world.cli('alice', ['status']);
      const { uploads } = result as unknown as { uploads: { user: string; sentBytes: number }[] };
      return uploads.some((row) => row.user === user && row.sentBytes > MIB);
    },
    { what: `bytes to ${user}`, timeoutMs: 20_000 },
  );
}

/** Every file of every program of this world: state, logs, stores. */
async function filesWith(world: World, text: string): Promise<string[]> {
  const entries = await readdir(world.path(), { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found = await Promise.all(paths.map(async (path) => (await readFile(path)).includes(text)));
  return paths.filter((_, index) => found[index]);
}
