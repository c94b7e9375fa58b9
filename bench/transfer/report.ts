/** The text of `docs/benchmarks.md` about transfers: tables of what was measured, with what was wanted beside it. */
import { table } from '../support/document.js';
import { describeMachine } from '../support/machine.js';
import { median, medianRatio } from '../support/statistics.js';
import type { Run } from './contender.js';
import { type FolderRace, folderRows } from './folders.js';
import type { Limit } from './limits.js';
import { kinds, type Profile } from './profile.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
export const BASE = 'curl ← nginx';
const SHOAL = 'shoal get ← shoal serve';
/** What Shoal has to reach, as a share of the other's speed. */
const TARGETS: readonly (readonly [mine: string, other: string, least: number])[] = [
  [SHOAL, BASE, 0.8],
  [SHOAL, 'scp', 1.1],
  [SHOAL, 'aria2c ← aria2c', 3],
  [SHOAL, 'webtorrent ← webtorrent', 4],
  ['curl ← shoal link', BASE, 0.9],
];
/** Publishing may take so many times the time of b3sum. */
const MOST_TIMES_B3SUM = 1.5;

export interface Result {
  readonly name: string;
  readonly about: string;
  readonly runs: Run[];
}

export interface Found {
  /** As it was asked for: `4G`. */
  readonly size: string;
  readonly sizeBytes: number;
  readonly rounds: number;
  readonly load: string;
  readonly version: string;
  readonly moving: readonly Result[];
  readonly hashing: readonly Result[];
  readonly profile: Profile | undefined;
  readonly limits: readonly Limit[];
  readonly races: readonly FolderRace[] | undefined;
  readonly missing: readonly string[];
}

export function report(found: Found): string {
  const { size, rounds, version, load, moving, hashing, missing } = found;
  const about = [...moving, ...hashing].map(({ name, about: text }) => `- **${name}**: ${text}.`);
  return [
    '## Transfer of one file',
    `${size}iB of random bytes in a RAM disk, loopback, ${rounds} rounds in turns, medians. ${version}; ${describeMachine()}. ${load}.`,
    'Time is that of the whole command, from its start to its end. CPU is of both ends with all their threads and children: where others use the machine it is the figure to compare. Ratios are medians of the ratios of each round.',
    movingTable(found),
    '### Targets',
    targetTable(found),
    '### Limits',
    limitTable(found.limits),
    ...profileParts(found.profile),
    ...folderParts(found.races),
    '## Hashing of the same file',
    hashingTable(found),
    about.join('\n'),
    missing.length === 0 ? '' : `Not measured: ${missing.join('; ')}.`,
  ]
    .filter(Boolean)
    .join('\n\n');
}

function movingTable({ moving, sizeBytes }: Found): string {
  const base = secondsOf(moving, BASE);
  const head = [
    '',
    's',
    'min–max',
    'MiB/s',
    `× ${BASE}`,
    'CPU s get',
    'CPU s serve',
    'CPU s/GiB',
    'MB get',
    'MB serve',
  ];
  const rows = moving.flatMap(({ name, runs }) => {
    const seconds = runs.map((each) => each.seconds);
    const of = (field: keyof Run): number => median(runs.map((each) => each[field] ?? NaN));
    const cpu = runs.map((each) => ((each.clientCpuSeconds + each.serverCpuSeconds) * GIB) / sizeBytes);
    const row = [
      name,
      median(seconds).toFixed(2),
      `${Math.min(...seconds).toFixed(2)}–${Math.max(...seconds).toFixed(2)}`,
      median(seconds.map((each) => sizeBytes / MIB / each)).toFixed(0),
      medianRatio(base, seconds).toFixed(2),
      of('clientCpuSeconds').toFixed(2),
      of('serverCpuSeconds').toFixed(2),
      median(cpu).toFixed(2),
      (of('clientPeakBytes') / 1e6).toFixed(0),
      (of('serverPeakBytes') / 1e6).toFixed(0),
    ];
    const moved = runs.flatMap((each) => each.movingMiBPerSecond ?? []);
    if (moved.length < runs.length) return [row];
    const ratio = medianRatio(
      moved,
      base.map((each) => sizeBytes / MIB / each),
    );
    return [
      row,
      ['… from its first progress on', '', '', median(moved).toFixed(0), ratio.toFixed(2), '', '', '', '', ''],
    ];
  });
  return table([head, ...rows]);
}

function targetTable({ moving, hashing }: Found): string {
  const rows = TARGETS.map(([mine, other, least]) => {
    const ratio = medianRatio(secondsOf(moving, other), secondsOf(moving, mine));
    return { what: `speed: ${mine} / ${other}`, wanted: `≥ ${least.toFixed(1)}`, ratio, isReached: ratio >= least };
  });
  const times = medianRatio(secondsOf(hashing, 'shoal pub'), secondsOf(hashing, 'b3sum'));
  const wanted = `≤ ${MOST_TIMES_B3SUM.toFixed(1)}`;
  rows.push({ what: 'time: shoal pub / b3sum', wanted, ratio: times, isReached: times <= MOST_TIMES_B3SUM });
  const measured = rows.filter(({ ratio }) => !Number.isNaN(ratio));
  const cells = measured.map(({ what, wanted: least, ratio, isReached }) => [
    what,
    least,
    ratio.toFixed(2),
    isReached ? 'yes' : 'no',
  ]);
  return table([['', 'wanted', 'measured', 'reached'], ...cells]);
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

/** Where the time goes, and how near one thread is to its end: a transfer cannot be faster than its busiest thread. */
function profileParts(profile: Profile | undefined): string[] {
  if (profile === undefined) return [];
  const { wallSeconds, downloader, source } = profile;
  const busy = (seconds: readonly number[]): string => {
    const main = seconds.filter((_, index) => kinds[index]?.startsWith('main')).reduce((sum, each) => sum + each, 0);
    return `${((100 * main) / wallSeconds).toFixed(0)} %`;
  };
  const rows = kinds.map((kind, index) => [kind, (downloader[index] ?? 0).toFixed(2), (source[index] ?? 0).toFixed(2)]);
  return [
    '### Profile',
    `One \`shoal get\` of ${wallSeconds.toFixed(2)} s under \`perf\`, processor seconds. The main thread of the downloader was busy for ${busy(downloader)} of that time, that of the source for ${busy(source)}.`,
    table([['', 'downloader', 'source'], ...rows]),
  ];
}

function folderParts(races: readonly FolderRace[] | undefined): string[] {
  if (races === undefined) return [];
  return [
    '## A folder of 10,000 files of 1 B to 20 KiB',
    'Whole commands; `rsync` over ssh with `--fsync` where the target is on the disk.',
    table(folderRows(races)),
  ];
}

function hashingTable({ hashing, sizeBytes }: Found): string {
  const base = secondsOf(hashing, 'b3sum');
  const rows = hashing.map(({ name, runs }) => {
    const seconds = runs.map((each) => each.seconds);
    const cpu = runs.map((each) => each.clientCpuSeconds + each.serverCpuSeconds);
    const speed = median(seconds.map((each) => sizeBytes / MIB / each));
    return [
      name,
      median(seconds).toFixed(2),
      speed.toFixed(0),
      medianRatio(seconds, base).toFixed(2),
      median(cpu).toFixed(2),
    ];
  });
  return table([['', 's', 'MiB/s', "× b3sum's time", 'CPU s'], ...rows]);
}

function secondsOf(results: readonly Result[], wanted: string): number[] {
  return (results.find(({ name }) => name === wanted)?.runs ?? []).map(({ seconds }) => seconds);
}
