// A folder of 100,000 files: its publisher goes on answering while it is read, and does not hold it in memory. With FILES=1000000 of a
// million (`npm run test:million`), on the disk.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { publicationsOf } from '../e2e/json-results.js';
import { inWorld } from '../e2e/world.js';
import { peakMemory } from '../support/proc.js';

const USUAL_FILES = 100_000;
const FILES_EACH = 1_000;
const DIRECTORIES = Number(process.env['FILES'] ?? USUAL_FILES) / FILES_EACH;
/** By so much more is to do than usually. */
const TIMES = Math.max(1, (DIRECTORIES * FILES_EACH) / USUAL_FILES);
const MIB = 1024 * 1024;
/** Measured: 160 MiB with 20,000 files, 185 with 100,000. A million may need 500 MB. */
const MAX_PEAK_BYTES = TIMES === 1 ? 230 * MIB : 500_000_000;
/** A command takes about half a second to start; the rest is what the peer may let it wait, on a busy machine too. */
const MAX_ANSWER_MS = 5_000;

describe(`a folder of ${DIRECTORIES * FILES_EACH} files`, function () {
  this.timeout(240_000 * TIMES);

  it(
    'is published while its peer answers, in little memory, and again at once',
    inWorld({ ram: TIMES === 1 }, async (world) => {
      const root = world.path('many');
      for (let directory = 0; directory < DIRECTORIES; directory += 1) {
        mkdirSync(join(root, String(directory)), { recursive: true });
        for (let file = 0; file < FILES_EACH; file += 1)
          writeFileSync(join(root, String(directory), `${file}.txt`), `${directory} ${file}`);
      }
      const alice = await world.serve('alice');

      const startedAt = performance.now();
      let isPublished = false;
      const publishing = alice.run(['pub', root], { timeoutMs: 200_000 * TIMES }).finally(() => {
        isPublished = true;
      });
      const answers: number[] = [];
      while (!isPublished) {
        const askedAt = performance.now();
        expect((await alice.run(['status'])).code).to.equal(0);
        answers.push(performance.now() - askedAt);
      }
      expect((await publishing).code).to.equal(0);
      const publishedAt = performance.now();
      expect((await alice.run(['pub', root], { timeoutMs: 100_000 * TIMES })).code).to.equal(0);
      const again = performance.now() - publishedAt;

      const peak = await peakMemory(alice.process.pid);
      const slowest = Math.max(...answers);
      print(
        `published in ${((publishedAt - startedAt) / 1_000).toFixed(1)} s, again in ${(again / 1_000).toFixed(1)} s; peak ${Math.round(peak / MIB)} MiB; ${answers.length} answers meanwhile, the slowest after ${Math.round(slowest)} ms`,
      );
      expect(publicationsOf(await world.cli('bob', ['list'])).map(({ files }) => files)).to.deep.equal([
        DIRECTORIES * FILES_EACH,
      ]);
      expect(peak).to.be.below(MAX_PEAK_BYTES);
      expect(slowest).to.be.below(MAX_ANSWER_MS);
    }),
  );
});

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
