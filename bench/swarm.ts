/**
 * `npm run bench:swarm`: one publisher and several downloaders of one file, each at the end of a link of the same rate, in network
 * namespaces; then the same of a folder of small files. Needs root, `ip` and `tc`. Options: --size 128M --folder 64M (0: none) --files 200
 * --rate 20 (Mbit/s) --downloaders 8 --runs 3 --document no. Results go to standard output and docs/benchmarks.md.
 */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

import { type TempDir, tempDir, writeRandomFile } from '../test/support/temp.js';
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
const options = optionsOf({
  ...{ size: '128M', folder: '64M', files: '200', rate: '20', downloaders: '8', runs: '3', document: 'yes' },
});
const rate = (countOf('rate', options.rate) * 1e6) / 8;
const count = countOf('downloaders', options.downloaders);
const runs = countOf('runs', options.runs);
const fileCount = countOf('files', options.files);

/** What is fetched. */
interface Content {
  readonly title: string;
  readonly text: string;
  readonly bytes: number;
  /** Makes it in `dir` and returns where it is. */
  make(dir: TempDir, seed: number): Promise<string>;
}

const FILE: Content = {
  title: 'a file',
  text: `a file of ${options.size}iB`,
  bytes: bytesOf(options.size),
  make: async (dir, seed) => {
    const path = dir.join('file.bin');
    await writeRandomFile(path, FILE.bytes, seed);
    return path;
  },
};

const FOLDER: Content = {
  title: 'a folder',
  text: `a folder of ${options.files} files of up to twice the same size, ${options.folder}iB in all`,
  bytes: bytesOf(options.folder),
  make: async (dir, seed) => {
    const path = dir.join('folder');
    await mkdir(path);
    // 1, 2, 3, … parts of so many: some files are smaller than a chunk, some larger.
    const part = FOLDER.bytes / ((fileCount * (fileCount + 1)) / 2);
    for (let n = 1; n <= fileCount; n += 1)
      await writeRandomFile(join(path, `${n}.bin`), Math.round(n * part), seed * fileCount + n);
    return path;
  },
};

interface Result {
  readonly finishes: readonly Finish[];
  readonly timesIdeal: readonly number[];
  /** Bytes that left the publisher, by the size of the content. */
  readonly copies: number;
}

async function main(): Promise<void> {
  const load = describeLoad();
  const contents = [FILE, FOLDER].filter(({ bytes }) => bytes > 0);
  await refuseWithout((count + 1) * Math.max(...contents.map(({ bytes }) => bytes)));
  const parts: string[] = [];
  for (const content of contents) {
    const results: Result[] = [];
    for (let round = 0; round < runs; round += 1) {
      const result = await runOnce(content, round);
      results.push(result);
      say(`${content.title} ${round + 1}/${runs}: ${describe(result)}`);
    }
    parts.push(report(content, results));
  }
  const text = [
    '## Swarm',
    `One publisher and ${count} downloaders that begin at the same moment, each in a network namespace with a link of ${options.rate} Mbit/s up and down (\`tc tbf\`). ${describeMachine()}. ${load}.`,
    `Ideal is the time in which the publisher's link can carry the content once. Times are of the whole \`get\`, from the question to the tracker to what is durable; copies are all bytes on the publisher's link, headers included, by the size of the content.`,
    ...parts,
  ].join('\n\n');
  say(`\n${text}`);
  if (options.document === 'yes') await writeSection('swarm', text);
}

async function runOnce(content: Content, round: number): Promise<Result> {
  await using dir = await tempDir({ ram: true });
  await using network = await Network.open();
  const source = await content.make(dir, round + 1);
  await using world = await SwarmWorld.open(network, { dir, source, rate, count });
  const before = await world.publisherLink.sentBytes();
  const finishes = await world.fetchAll(basename(source));
  const sent = (await world.publisherLink.sentBytes()) - before;
  for (const { downloads } of world.downloaders) await run('diff', ['-rq', source, join(downloads, basename(source))]);
  const idealSeconds = content.bytes / rate;
  return { finishes, timesIdeal: finishes.map(({ seconds }) => seconds / idealSeconds), copies: sent / content.bytes };
}

async function refuseWithout(bytes: number): Promise<void> {
  const available = await availableMemory();
  if (available >= bytes + SPARE_BYTES) return;
  const [has, needs] = [available, bytes + SPARE_BYTES].map((each) => `${(each / GIB).toFixed(1)} GiB`);
  throw new Error(`${has} of memory are available, but the files need ${needs}: choose a smaller --size`);
}

function describe(result: Result): string {
  const times = result.timesIdeal;
  return `first ${Math.min(...times).toFixed(2)}, last ${Math.max(...times).toFixed(2)} × ideal, ${result.copies.toFixed(2)} copies`;
}

function report({ title, text, bytes }: Content, results: readonly Result[]): string {
  const rows = results.map((result, index) => {
    const times = result.timesIdeal;
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
  const last = Math.max(...results.flatMap(({ timesIdeal }) => timesIdeal));
  const copies = Math.max(...results.map((result) => result.copies));
  return [
    `### Of ${title}`,
    `${text[0]?.toUpperCase()}${text.slice(1)}; ideal: ${(bytes / rate).toFixed(1)} s.`,
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
