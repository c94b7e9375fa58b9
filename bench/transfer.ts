/**
 * `npm run bench:transfer`: Shoal and others move the same file in a RAM disk, in turns, and hash it. Options: --size 4G --runs 5
 * --only PATTERN (names of contenders) --document no. What is not installed is named and left out. Results go to standard output and
 * docs/benchmarks.md.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';

import { tempDir, writeRandomFile } from '../test/support/temp.js';
import { table, writeSection } from './support/document.js';
import { availableMemory, describeLoad, describeMachine } from './support/machine.js';
import { bytesOf, countOf, optionsOf } from './support/options.js';
import { median, medianRatio } from './support/statistics.js';
import { Missing } from './support/tools.js';
import { openAria2, openWebtorrent, torrentTarget } from './transfer/bittorrent.js';
import type { Contender, Course, Open, Run } from './transfer/contender.js';
import { openCopy } from './transfer/copy.js';
import { HASHERS, type Hasher } from './transfer/hashing.js';
import { type Limit, measureLimits } from './transfer/limits.js';
import { openNginx } from './transfer/nginx.js';
import { ShoalWorld, shoalVersion } from './transfer/shoal.js';
import { openRsync, openScp } from './transfer/ssh.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Left to everybody else on the machine. */
const SPARE_BYTES = 4 * GIB;
const BASE = 'curl ← nginx';
/** What Shoal has to reach, as a share of the other's speed. */
const TARGETS: readonly (readonly [mine: string, other: string, least: number])[] = [
  ['shoal get ← shoal serve', 'curl ← nginx', 0.8],
  ['shoal get ← shoal serve', 'scp', 1.1],
  ['shoal get ← shoal serve', 'aria2c ← aria2c', 3],
  ['shoal get ← shoal serve', 'webtorrent ← webtorrent', 4],
  ['curl ← shoal link', 'curl ← nginx', 0.9],
];

interface Result {
  readonly name: string;
  readonly about: string;
  readonly runs: Run[];
}

const run = promisify(execFile);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const options = optionsOf({ size: '4G', runs: '5', only: '', document: 'yes' });
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
  const { hashing, moving } = await compare(course);
  await refuseWithout(sizeBytes);
  const limits = await measureLimits(course);
  const text = report({ load, moving, hashing, limits, version: await shoalVersion() });
  say(`\n${text}`);
  if (options.document === 'yes') await writeSection('transfer', text);
}

async function compare(course: Course): Promise<{ hashing: Result[]; moving: Result[] }> {
  await using world = await ShoalWorld.open(course);
  return { hashing: await compareHashing(course, world), moving: await compareMoving(course, world) };
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
      say(`${round + 1}/${rounds} ${contender.name}: ${moved.seconds.toFixed(2)} s, ${speed(moved).toFixed(0)} MiB/s`);
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

function report(found: {
  load: string;
  version: string;
  moving: Result[];
  hashing: Result[];
  limits: Limit[];
}): string {
  const about = [...found.moving, ...found.hashing].map(({ name, about: text }) => `- **${name}**: ${text}.`);
  return [
    '## Transfer of one file',
    `${options.size}iB of random bytes in a RAM disk, loopback, ${rounds} rounds in turns, medians. ${found.version}; ${describeMachine()}. ${found.load}.`,
    'Time is that of the whole command, from its start to its end. CPU is of both ends with all their threads and children. Ratios are medians of the ratios of each round.',
    movingTable(found.moving),
    '### Targets',
    targetTable(found.moving),
    '### Limits',
    limitTable(found.limits),
    '## Hashing of the same file',
    hashingTable(found.hashing),
    about.join('\n'),
    missing.length === 0 ? '' : `Not measured: ${missing.join('; ')}.`,
  ]
    .filter(Boolean)
    .join('\n\n');
}

function movingTable(results: readonly Result[]): string {
  const base = speeds(results, BASE);
  const head = [
    '',
    's',
    'min–max',
    'MiB/s',
    `× ${BASE}`,
    'CPU s get',
    'CPU s serve',
    'CPU s/GiB',
    'peak MB get',
    'peak MB serve',
  ];
  const rows = results.flatMap(({ name, runs }) => {
    const seconds = runs.map((each) => each.seconds);
    const of = (field: keyof Run): number => median(runs.map((each) => each[field] ?? NaN));
    const cpu = runs.map((each) => ((each.clientCpuSeconds + each.serverCpuSeconds) * GIB) / sizeBytes);
    const moving = runs.flatMap((each) => each.movingMiBPerSecond ?? []);
    const row = [
      name,
      median(seconds).toFixed(2),
      `${Math.min(...seconds).toFixed(2)}–${Math.max(...seconds).toFixed(2)}`,
      median(runs.map(speed)).toFixed(0),
      medianRatio(runs.map(speed), base).toFixed(2),
      of('clientCpuSeconds').toFixed(2),
      of('serverCpuSeconds').toFixed(2),
      median(cpu).toFixed(2),
      (of('clientPeakBytes') / 1e6).toFixed(0),
      (of('serverPeakBytes') / 1e6).toFixed(0),
    ];
    const inner = [
      '… from its first progress on',
      '',
      '',
      median(moving).toFixed(0),
      medianRatio(moving, base).toFixed(2),
      '',
      '',
      '',
      '',
      '',
    ];
    return moving.length === runs.length ? [row, inner] : [row];
  });
  return table([head, ...rows]);
}

function targetTable(results: readonly Result[]): string {
  const rows = TARGETS.flatMap(([mine, other, least]) => {
    const ratio = medianRatio(speeds(results, mine), speeds(results, other));
    return Number.isNaN(ratio)
      ? []
      : [[`${mine} / ${other}`, least.toFixed(1), ratio.toFixed(2), ratio >= least ? 'yes' : 'no']];
  });
  return table([['speed', 'wanted', 'measured', 'reached'], ...rows]);
}

function limitTable(limits: readonly Limit[]): string {
  const rows = limits.map(({ what, unit, most, measured }) => [
    what,
    `${most} ${unit}`,
    `${measured.toFixed(0)} ${unit}`,
    measured <= most ? 'yes' : 'no',
  ]);
  return table([['', 'at most', 'measured', 'kept'], ...rows]);
}

function hashingTable(results: readonly Result[]): string {
  const base = (results.find(({ name }) => name === 'b3sum')?.runs ?? []).map((each) => each.seconds);
  const rows = results.map(({ name, runs }) => {
    const seconds = runs.map((each) => each.seconds);
    const cpu = runs.map((each) => each.clientCpuSeconds + each.serverCpuSeconds);
    const cells = [
      median(seconds).toFixed(2),
      median(runs.map(speed)).toFixed(0),
      medianRatio(seconds, base).toFixed(2),
    ];
    return [name, ...cells, median(cpu).toFixed(2)];
  });
  return table([['', 's', 'MiB/s', "× b3sum's time", 'CPU s'], ...rows]);
}

function speeds(results: readonly Result[], wanted: string): number[] {
  return (results.find(({ name }) => name === wanted)?.runs ?? []).map(speed);
}

function speed({ seconds }: Run): number {
  return sizeBytes / MIB / seconds;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

await main();
