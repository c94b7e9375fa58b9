/** F15 of the fault catalogue at the source: its disk reports errors while it serves. Needs strace; without it the test is left out. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { errorCodeOf, fetchedBytes, transferOf } from '../e2e/json-results.js';
import { inWorld } from '../e2e/world.js';
import { sameBytes } from '../support/temp.js';

const STRACE = 'strace';
const MIB = 1024 * 1024;
const SIZE = 32 * MIB;
const LIMITED = { args: ['--upload-limit', String(8 * MIB)] };

describe('a source whose disk cannot be read any more', function () {
  this.timeout(120_000);
  let tracer: ChildProcess | undefined;
  afterEach(() => {
    tracer?.kill();
  });

  /** From now on every positioned read of the process fails; resolves when that is so. */
  async function failReads(pid: number): Promise<void> {
    const words = ['-f', '-p', String(pid), '-e', 'trace=pread64', '-e', 'inject=pread64:error=EIO'];
    tracer = spawn(STRACE, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    await once(tracer.stderr!.setEncoding('utf8'), 'data'); // "Process … attached"
  }

  async function endTracer(): Promise<void> {
    const over = once(tracer!, 'exit');
    tracer?.kill('SIGINT');
    await over;
  }

  it('is left for another one, and the file is the one that was published', async function () {
    if (!(await canTrace())) return this.skip();
    await inWorld({ users: ['alice', 'carol', 'bob'], ram: true }, async (world) => {
      const path = await world.file('alice', 'film.bin', SIZE);
      const alice = await world.serve('alice', LIMITED);
      await world.serve('carol', LIMITED);
      await world.publish('alice', path);
      await world.publish('carol', await world.file('carol', 'film.bin', SIZE));
      const getting = await world.start('bob', ['get', '@alice/film.bin']);
      await getting.waitForEvent('transfer', { where: (event) => fetchedBytes(event) > SIZE / 4, timeoutMs: 20_000 });

      await failReads(alice.process.pid);
      const end = await getting.waitForExit(60_000);
      await endTracer();

      expect(end.code, getting.describe().slice(-2_000)).to.equal(0);
      expect(await sameBytes(path, join(world.place('bob').downloads, 'film.bin'))).to.equal(true);
      expect((await alice.run(['lpf'])).code, 'it goes on').to.equal(0);
    })();
  });

  it('lets a download fail that has no other, which goes on when the disk is well again', async function () {
    if (!(await canTrace())) return this.skip();
    await inWorld({ users: ['alice', 'bob'], ram: true }, async (world) => {
      const path = await world.file('alice', 'film.bin', SIZE);
      const alice = await world.serve('alice', LIMITED);
      await world.publish('alice', path);
      const getting = await world.start('bob', ['get', 'film.bin', '--json']);
      await getting.waitForEvent('transfer', { where: (event) => fetchedBytes(event) > SIZE / 4, timeoutMs: 20_000 });

      await failReads(alice.process.pid);
      const end = await getting.waitForExit(60_000);
      await endTracer();
      const code = getting.jsonEvents().at(-1)?.['code'];

      expect(end.code, getting.describe().slice(-2_000)).to.not.equal(0);
      expect(code).to.be.oneOf(['no-source', 'changed']);
      const again = await world.cli('bob', ['get', 'film.bin'], { timeoutMs: 60_000 });
      expect(again.code === 0 ? 'done' : errorCodeOf(again), again.stdout.slice(-2_000)).to.equal('done');
      expect(transferOf(again).resumedBytes).to.be.at.least(SIZE / 4);
      expect(await sameBytes(path, join(world.place('bob').downloads, 'film.bin'))).to.equal(true);
    })();
  });
});

async function canTrace(): Promise<boolean> {
  const tried = spawn(STRACE, ['-f', '-o', '/dev/null', 'true'], { stdio: 'ignore' });
  return Promise.race([once(tried, 'exit').then(([code]) => code === 0), once(tried, 'error').then(() => false)]);
}
