// A file of 8 GiB of which hardly anything lies on the disk: F18 of the fault catalogue. What arrives as a whole takes its 8 GiB, so that
// runs only when it is asked for: `npm run test:sparse`, with SPARSE=ram in the RAM disk.
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { chunkSizeFor } from '../../common/content/chunk-size.js';
import type { PublicationRow } from '../../peer/api.js';
import { targetOf } from '../../peer/download/target.js';
import { FileHasher } from '../../peer/library/hashing/hash-file.js';
import { resultOf, transferOf } from '../e2e/json-results.js';
import { inWorld, type World } from '../e2e/world.js';
import { peakMemory, peakMemoryUntilExit } from '../support/proc.js';
import { sameBytes, seededBytes } from '../support/temp.js';

const MIB = 1024 * 1024;
const SIZE = 8 * 1024 * MIB;
/** Where it has ten bytes each that are not nothing; those in the middle lie in two chunks. */
const CONTENT = [0, 2 ** 32 - 5, SIZE - 10];
const CHUNKS_WITH_CONTENT = 4;
const MAX_PEAK_BYTES = 250 * MIB;

describe('a sparse file of 8 GiB', function () {
  this.timeout(600_000);

  it(
    'is hashed, and completed from the holes of an earlier run with nothing but what lies in it, before and behind 4 GiB',
    // In the RAM disk holes cost nothing, not even while they are read.
    inWorld({ ram: true }, async (world) => {
      const path = await sparseFile(world);
      await world.serve('alice');
      // Not by the ledger, which would read the 8 GiB once more.
      const published = await world.cli('alice', ['pub', path], { timeoutMs: 200_000 });
      const [outcome] = resultOf<{ outcomes: { publication: PublicationRow }[] }>(published).outcomes;
      const fileId = outcome?.publication.fileId ?? '';
      const { downloads } = world.place('bob');
      await mkdir(downloads, { recursive: true });
      await using part = await open(targetOf(downloads, 'sparse.bin', fileId).partPath, 'wx');
      await part.truncate(SIZE);

      const transfer = transferOf(await world.cli('bob', ['get', 'sparse.bin'], { timeoutMs: 200_000 }));

      const target = join(downloads, 'sparse.bin');
      expect(transfer.receivedBytes).to.equal(CHUNKS_WITH_CONTENT * chunkSizeFor(SIZE));
      expect((await stat(target)).blocks * 512).to.be.below(2 * CHUNKS_WITH_CONTENT * chunkSizeFor(SIZE));
      expect(await idOf(target)).to.equal(fileId);
      await using file = await open(target);
      for (const [seed, offset] of CONTENT.entries()) {
        const { buffer } = await file.read(Buffer.alloc(10), 0, 10, offset);
        expect(buffer.equals(seededBytes(10, seed))).to.equal(true);
      }
      await rm(target);
    }),
  );

  it(
    "arrives byte-identical, with what lies behind 4 GiB in its place, and fills nobody's memory",
    whenAsked({ ram: process.env['SPARSE'] === 'ram' }, async (world) => {
      const path = await sparseFile(world);
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

async function sparseFile(world: World): Promise<string> {
  const path = await world.file('alice', 'sparse.bin', 0);
  await using file = await open(path, 'r+');
  await file.truncate(SIZE);
  for (const [seed, offset] of CONTENT.entries()) await file.write(seededBytes(10, seed), 0, 10, offset);
  return path;
}

async function idOf(path: string): Promise<string> {
  await using hasher = new FileHasher();
  return (await hasher.hash(path, { signal: AbortSignal.timeout(120_000) })).fileId;
}

function whenAsked(...[options, body]: Parameters<typeof inWorld>): (this: Mocha.Context) => Promise<void> {
  const run = inWorld(options, body);
  return async function () {
    if (process.env['SPARSE'] === undefined) this.skip();
    await run();
  };
}

function seconds(from: number, to: number): string {
  return ((to - from) / 1_000).toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
