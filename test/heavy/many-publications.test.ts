// A library of 20,000 files that are published one by one, 10,000 a command: what one costs does not grow with their number, the peer goes
// on answering and does not hold them in memory. With FILES=1000000 a million (`npm run test:million`), on the disk.
import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { inWorld } from '../e2e/world.js';
import { peakMemory } from '../support/proc.js';

const FILES_EACH = 10_000;
const COMMANDS = Math.max(2, Number(process.env['FILES'] ?? 20_000) / FILES_EACH);
const MAX_PEAK_BYTES = 500_000_000;
/** A command takes half a second to start, and several times as long on a busy machine. */
const MAX_ANSWER_MS = 10_000;
/** Processor time of the last 10,000 beside that of the first. A look at every entry for each made it six-fold at the second 10,000. */
const MAX_GROWTH = 3;
const TICKS_PER_SECOND = 100;

describe(`a library of ${COMMANDS * FILES_EACH} files`, function () {
  this.timeout(120_000 * COMMANDS);

  it(
    'is published while its peer answers, in little memory, the last file for no more than the first',
    inWorld({ ram: COMMANDS === 2 }, async (world) => {
      const alice = await world.serve('alice');
      const costs: number[] = [];
      const answers: number[] = [];

      const startedAt = performance.now();
      for (let command = 0; command < COMMANDS; command += 1) {
        const paths = makeFiles(world.path(`many-${command}`), command);
        const before = await processorSeconds(alice.process.pid);
        let isPublished = false;
        const publishing = alice.run(['pub', ...paths], { timeoutMs: 110_000 }).finally(() => {
          isPublished = true;
        });
        while (!isPublished) {
          const askedAt = performance.now();
          expect((await alice.run(['status'])).code).to.equal(0);
          answers.push(performance.now() - askedAt);
        }
        expect((await publishing).code).to.equal(0);
        costs.push((await processorSeconds(alice.process.pid)) - before);
      }
      const seconds = (performance.now() - startedAt) / 1_000;

      const peak = await peakMemory(alice.process.pid);
      const slowest = Math.max(...answers);
      const [first = 0, last = 0] = [costs[0], costs.at(-1)];
      print(
        `published in ${seconds.toFixed(0)} s, ${first.toFixed(1)} s of the processor for the first 10,000 and ${last.toFixed(1)} for the last; peak ${Math.round(peak / 1e6)} MB; ${answers.length} answers meanwhile, the slowest after ${Math.round(slowest)} ms`,
      );
      expect(peak).to.be.below(MAX_PEAK_BYTES);
      expect(slowest).to.be.below(MAX_ANSWER_MS);
      expect(last).to.be.below(MAX_GROWTH * first);
    }),
  );
});

function makeFiles(directory: string, command: number): string[] {
  mkdirSync(directory);
  return Array.from({ length: FILES_EACH }, (_, index) => {
    const path = join(directory, `${command}-${index}.txt`);
    writeFileSync(path, `${command} ${index}`);
    return path;
  });
}

/** What the process has used so far, of user and system time. */
async function processorSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
