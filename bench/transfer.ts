/**
 * `npm run bench:transfer`: Shoal and others move the same file in a RAM disk, in turns, and hash it; then a folder of small files.
 * Options: --size 4G --runs 5 --only PATTERN (names of contenders) --folders no --document no. What is not installed is named and left
 * out. Results go to standard output and docs/benchmarks.md.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';

import { tempDir, writeRandomFile } from '../test/support/temp.js';
import { writeSection } from './support/document.js';
import { availableMemory, describeLoad } from './support/machine.js';
import { bytesOf, countOf, optionsOf } from './support/options.js';
import { Missing } from './support/tools.js';
import { openAria2, openWebtorrent, torrentTarget } from './transfer/bittorrent.js';
import type { Contender, Course, Open, Run } from './transfer/contender.js';
import { openCopy } from './transfer/copy.js';
import { raceFolders } from './transfer/folders.js';
import { HASHERS, type Hasher } from './transfer/hashing.js';
import { measureLimits } from './transfer/limits.js';
import { openNginx } from './transfer/nginx.js';
import { type Profile, profileTransfer } from './transfer/profile.js';
import { BASE, type Result, report } from './transfer/report.js';
import { ShoalWorld, shoalVersion } from './transfer/shoal.js';
import { openRsync, openScp } from './transfer/ssh.js';

const GIB = 2 ** 30;
/** Left to everybody else on the machine. */
const SPARE_BYTES = 4 * GIB;

const run = promisify(execFile);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const options = optionsOf({ size: '4G', runs: '5', only: '', folders: 'yes', document: 'yes' });
const sizeBytes = bytesOf(options.size);
const rounds = countOf('runs', options.runs);
const only = new RegExp(options.only);
const missing: string[] = [];

async function main(): Promise<void> {
  const load = describeLoad();
  await refuseWithout(2 * sizeBytes);
  await using dir = await tempDir({ ram: true });
  const source = dir.join('file.bin');
  await writeRandomFile(source, sizeBytes, 1);
  const course: Course = { dir, source, sizeBytes };
  await touchMemory(course);
  const compared = await compare(course);
  await refuseWithout(sizeBytes);
  const limits = await measureLimits(course);
  const races = options.folders === 'yes' ? await orMissing(() => raceFolders(rounds)) : undefined;
  const version = await shoalVersion();
  const text = report({ ...compared, size: options.size, sizeBytes, rounds, load, version, limits, races, missing });
  say(`\n${text}`);
  if (options.document === 'yes') await writeSection('transfer', text);
}

interface Compared {
  readonly hashing: Result[];
  readonly moving: Result[];
  readonly profile: Profile | undefined;
}

async function compare(course: Course): Promise<Compared> {
  await using world = await ShoalWorld.open(course);
  await world.publish();
  const hashing = await compareHashing(course, world);
  const moving = await compareMoving(course, world);
  await refuseWithout(sizeBytes);
  return { hashing, moving, profile: await orMissing(() => profileTransfer(course, world)) };
}

/** A virtual machine gets its memory from the host when it first touches it, which costs more than any transfer: done once, before. */
async function touchMemory({ dir, source }: Course): Promise<void> {
  await copyFile(source, dir.join('touch'));
  await rm(dir.join('touch'));
}

/** A full RAM disk takes the memory of every other program, and the system ends some of them: so it is asked before each file. */
async function refuseWithout(bytes: number): Promise<void> {
  const available = await availableMemory();
  if (available >= bytes + SPARE_BYTES) return;
  const [has, needs] = [available, bytes + SPARE_BYTES].map((each) => `${(each / GIB).toFixed(1)} GiB`);
  throw new Error(`${has} of memory are available, but the RAM disk needs ${needs}: choose a smaller --size`);
}

async function compareMoving(course: Course, world: ShoalWorld): Promise<Result[]> {
  const openers: readonly Open[] = [
    openNginx,
    () => world.opened(),
    () => world.openLink(),
    openScp,
    openRsync,
    openAria2,
    openWebtorrent,
    openCopy,
  ];
  await using opened = new AsyncDisposableStack();
  const contenders: Contender[] = [];
  for (const open of openers) {
    const contender = await orMissing(() => open(course));
    if (contender !== undefined) opened.use(contender);
    if (contender !== undefined && (only.test(contender.name) || contender.name === BASE)) contenders.push(contender);
  }
  const results = contenders.map(({ name, about }) => ({ name, about, runs: [] as Run[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, contender] of contenders.entries()) {
      const moved = await moveOnce(course, contender, round);
      results[index]?.runs.push(moved);
      say(`${round + 1}/${rounds} ${contender.name}: ${moved.seconds.toFixed(2)} s`);
    }
  }
  return results;
}

async function moveOnce({ dir, source, sizeBytes: size }: Course, contender: Contender, round: number): Promise<Run> {
  await refuseWithout(size);
  const folder = dir.join('target');
  await mkdir(folder);
  const target = dir.join('target', 'moved.bin');
  const moved = await contender.move(target);
  const found = (await exists(target)) ? target : torrentTarget(target, source);
  if ((await stat(found)).size !== size)
    throw new Error(`${contender.name} left ${(await stat(found)).size} bytes of ${size}`);
  if (round === 0) await run('cmp', ['-s', source, found]);
  await rm(folder, { recursive: true });
  return moved;
}

async function compareHashing(course: Course, world: ShoalWorld): Promise<Result[]> {
  const hashers: Hasher[] = [];
  for (const open of HASHERS) {
    const hasher = await orMissing(() => open(course, world));
    if (hasher !== undefined) hashers.push(hasher);
  }
  const results = hashers.map(({ name, about }) => ({ name, about, runs: [] as Run[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, hasher] of hashers.entries()) results[index]?.runs.push(await hasher.hash());
  }
  return results;
}

async function orMissing<T>(open: () => Promise<T>): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    missing.push(error.message);
    say(error.message);
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

await main();
