/**
 * `npm run bench:swarm`: one publisher and several downloaders of one file, each at the end of a link of the same rate, in network
 * namespaces. Needs root, `ip` and `tc`. Options: --size 128M --rate 20 (Mbit/s) --downloaders 8 --runs 3 --document no. Results go to
 * standard output and docs/benchmarks.md.
 */
import { execFile } from 'node:child_process';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

import { tempDir, writeRandomFile } from '../test/support/temp.js';
import { table, writeSection } from './support/document.js';
import { availableMemory, describeLoad, describeMachine } from './support/machine.js';
import { bytesOf, countOf, optionsOf } from './support/options.js';
import { median } from './support/statistics.js';
import { Missing } from './support/tools.js';
import { Network } from './swarm/network.js';
import { type Finish, SwarmWorld } from './swarm/swarm-world.js';

const GIB = 2 ** 30;
/** Left to everybody else on the machine. */
const SPARE_BYTES = 2 * GIB;
/** What has to be reached: all finish within so many times the ideal, and the publisher sends at most so many copies. */
const MOST_TIMES_IDEAL = 1.25;
const MOST_COPIES = 1.3;

const run = promisify(execFile);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const options = optionsOf({ size: '128M', rate: '20', downloaders: '8', runs: '3', document: 'yes' });
const sizeBytes = bytesOf(options.size);
const rate = (countOf('rate', options.rate) * 1e6) / 8;
const count = countOf('downloaders', options.downloaders);
const runs = countOf('runs', options.runs);
const idealSeconds = sizeBytes / rate;

interface Result {
  readonly finishes: readonly Finish[];
  /** Bytes that left the publisher, by the size of the file. */
  readonly copies: number;
}

async function main(): Promise<void> {
  const load = describeLoad();
  await refuseWithout((count + 1) * sizeBytes);
  const results: Result[] = [];
  for (let round = 0; round < runs; round += 1) {
    const result = await runOnce(round);
    results.push(result);
    say(`${round + 1}/${runs}: ${describe(result)}`);
  }
  const text = report(results, load);
  say(`\n${text}`);
  if (options.document === 'yes') await writeSection('swarm', text);
}

async function runOnce(round: number): Promise<Result> {
  await using dir = await tempDir({ ram: true });
  await using network = await Network.open();
  const source = dir.join('file.bin');
  await writeRandomFile(source, sizeBytes, round + 1);
  await using world = await SwarmWorld.open(network, { dir, source, rate, count });
  const before = await world.publisherLink.sentBytes();
  const finishes = await world.fetchAll(basename(source));
  const sent = (await world.publisherLink.sentBytes()) - before;
  for (const { downloads } of world.downloaders) await run('cmp', ['-s', source, join(downloads, basename(source))]);
  return { finishes, copies: sent / sizeBytes };
}

async function refuseWithout(bytes: number): Promise<void> {
  const available = await availableMemory();
  if (available >= bytes + SPARE_BYTES) return;
  const [has, needs] = [available, bytes + SPARE_BYTES].map((each) => `${(each / GIB).toFixed(1)} GiB`);
  throw new Error(`${has} of memory are available, but the files need ${needs}: choose a smaller --size`);
}

function timesIdeal({ finishes }: Result): number[] {
  return finishes.map(({ seconds }) => seconds / idealSeconds);
}

function describe(result: Result): string {
  const times = timesIdeal(result);
  return `first ${Math.min(...times).toFixed(2)}, last ${Math.max(...times).toFixed(2)} × ideal, ${result.copies.toFixed(2)} copies`;
}

function report(results: readonly Result[], load: string): string {
  const rows = results.map((result, index) => {
    const times = timesIdeal(result);
    const received = result.finishes.reduce((sum, { row }) => sum + row.receivedBytes, 0);
    const twice = result.finishes.reduce((sum, { row }) => sum + (row.duplicateBytes ?? 0), 0);
    return [
      `${index + 1}`,
      Math.min(...times).toFixed(2),
      median(times).toFixed(2),
      Math.max(...times).toFixed(2),
      result.copies.toFixed(2),
      `${((100 * twice) / received).toFixed(2)} %`,
    ];
  });
  const last = Math.max(...results.flatMap(timesIdeal));
  const copies = Math.max(...results.map((result) => result.copies));
  return [
    '## Swarm',
    `One publisher and ${count} downloaders of ${options.size}iB that begin at the same moment, each in a network namespace with a link of ${options.rate} Mbit/s up and down (\`tc tbf\`). ${describeMachine()}. ${load}.`,
    `Ideal is the time in which the publisher's link can carry the file once: ${idealSeconds.toFixed(1)} s. Times are of the whole \`get\`, from the question to the tracker to the durable file; copies are all bytes on the publisher's link, headers included, by the size of the file.`,
    table([['run', 'first × ideal', 'median', 'last', 'copies sent', 'came twice'], ...rows]),
    table([
      ['', 'wanted', 'measured', 'reached'],
      ['last finish × ideal', `≤ ${MOST_TIMES_IDEAL}`, last.toFixed(2), last <= MOST_TIMES_IDEAL ? 'yes' : 'no'],
      ['copies that the publisher sends', `≤ ${MOST_COPIES}`, copies.toFixed(2), copies <= MOST_COPIES ? 'yes' : 'no'],
    ]),
  ].join('\n\n');
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  process.stderr.write(`bench:swarm cannot run here: ${error.message}\n`);
  process.exitCode = 1;
}
