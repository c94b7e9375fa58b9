import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { errorCodeOf, fetchedBytes, transferOf } from '../e2e/json-results.js';
import { inWorld, PART_NAME } from '../e2e/world.js';
import { sameBytes, seededBytes } from '../support/temp.js';

const MIB = 1024 * 1024;

/** F05 of the fault catalogue. */
describe('a get that loses its only source for good', function () {
  this.timeout(120_000);

  it(
    'ends with 5 when no source is there or the only one dies, keeps what came, and resumes; the downloader may be killed too',
    inWorld({ users: ['alice', 'carol', 'bob'], ram: true }, async (world) => {
      const size = 64 * MIB;
      const path = await world.file('alice', 'film.bin', size);
      const limited = { args: ['--upload-limit', String(16 * MIB)] };
      let alice = await world.serve('alice', limited);
      const carol = await world.serve('carol');
      await world.publish('alice', path);
      await world.publish('carol', await world.file('carol', 'away.bin', 1000));
      await carol.process.stop();
      const away = world.cli('bob', ['get', 'away.bin']);
      const first = await world.start('bob', ['get', 'film.bin']);
      await first.waitForEvent('transfer', { where: (event) => fetchedBytes(event) > size / 3, timeoutMs: 20_000 });

      const cut = await timed(async () => {
        alice.process.kill('SIGKILL');
        return first.waitForExit(40_000);
      });
      const without = await away;
      const kept = (await readdir(world.place('bob').downloads)).filter((name) => PART_NAME.test(name));
      print(`exit ${cut.result.code} ${cut.seconds.toFixed(1)} s after the only source was killed`);
      expect(cut.result.code, first.describe()).to.equal(5);
      expect(cut.seconds).to.be.at.most(21);
      expect([without.code, errorCodeOf(without)]).to.deep.equal([5, 'no-source']);
      expect(kept.map((name) => PART_NAME.exec(name)?.[1])).to.deep.equal(['film.bin']);

      alice = await world.serve('alice', limited);
      const second = await world.start('bob', ['get', 'film.bin']);
      await second.waitForEvent('transfer', {
        where: (event) => fetchedBytes(event) > (size * 2) / 3,
        timeoutMs: 20_000,
      });
      second.kill('SIGKILL');
      await second.exit;
      const last = transferOf(await world.cli('bob', ['get', 'film.bin']));

      print(
        `64 MiB after two kills: ${last.resumedBytes} bytes resumed, ${last.receivedBytes} fetched in the last run`,
      );
      expect(last.resumedBytes).to.be.at.least((size * 2) / 3);
      expect(last.receivedBytes).to.equal(size - last.resumedBytes);
      expect(await sameBytes(path, join(world.place('bob').downloads, 'film.bin'))).to.equal(true);
    }),
  );

  it(
    'ends and says so when the file of the only source has changed',
    inWorld({}, async (world) => {
      await world.serve('alice');
      const path = await world.file('alice', 'paper.bin', MIB);
      await world.publish('alice', path);
      await writeFile(path, seededBytes(MIB, 99));

      const done = await world.cli('bob', ['get', 'paper.bin']);

      world.mayBeUnfinished('paper.bin');
      expect(done.code, done.stdout).to.be.oneOf([1, 5, 6]);
      expect(errorCodeOf(done)).to.be.oneOf(['changed', 'no-source', 'integrity']);
      await world.publish('alice', path, ['--replace']);
    }),
  );
});

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const from = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - from) / 1000 };
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
