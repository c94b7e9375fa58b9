// A file of 8 GiB of which hardly anything lies on the disk: F18 of the fault catalogue. What arrives takes its 8 GiB, so it runs only
// when it is asked for: `npm run test:sparse`, with SPARSE=ram in the RAM disk.
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { inWorld } from '../e2e/world.js';
import { peakMemory, peakMemoryUntilExit } from '../support/proc.js';
import { sameBytes, seededBytes } from '../support/temp.js';

const MIB = 1024 * 1024;
const SIZE = 8 * 1024 * MIB;
const MAX_PEAK_BYTES = 250 * MIB;

describe('a sparse file of 8 GiB', function () {
  this.timeout(600_000);

  before(function () {
    if (process.env['SPARSE'] === undefined) this.skip();
  });

  it(
    "arrives byte-identical, with what lies behind 4 GiB in its place, and fills nobody's memory",
    inWorld({ ram: process.env['SPARSE'] === 'ram' }, async (world) => {
      const path = await world.file('alice', 'sparse.bin', 0);
      await using file = await open(path, 'r+');
      await file.truncate(SIZE);
      for (const [seed, offset] of [0, 2 ** 32 - 5, SIZE - 10].entries())
        await file.write(seededBytes(10, seed), 0, 10, offset);
      const alice = await world.serve('alice');
      const startedAt = performance.now();
      await world.publish('alice', path);
      const publishedAt = performance.now();

      const getting = await world.start('bob', ['get', 'sparse.bin', '--json']);
      const peak = await peakMemoryUntilExit(getting.pid);
      const end = await getting.waitForExit(300_000);
      const endedAt = performance.now();

      expect(end.code, getting.describe().slice(-2_000)).to.equal(0);
      const target = join(world.place('bob').downloads, 'sparse.bin');
      expect((await stat(target)).size).to.equal(SIZE);
      expect(await sameBytes(path, target)).to.equal(true);
      const source = await peakMemory(alice.process.pid);
      print(
        `8 GiB: published in ${seconds(startedAt, publishedAt)} s, fetched in ${seconds(publishedAt, endedAt)} s, compared in ${seconds(endedAt, performance.now())} s`,
      );
      print(
        `peak of the source ${Math.round(source / MIB)} MiB, of the downloader ${Math.round(peak / MIB)} MiB; ${Math.round(((await stat(target)).blocks * 512) / MIB)} MiB of it on the disk`,
      );
      expect(Math.max(peak, source)).to.be.below(MAX_PEAK_BYTES);
      await rm(target);
    }),
  );
});

function seconds(from: number, to: number): string {
  return ((to - from) / 1_000).toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
