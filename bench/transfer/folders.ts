/** A folder of many small files, on the disk and in the RAM disk: `shoal pub DIR` and `shoal get` beside `rsync` over ssh. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';

import type { Peer } from '../../peer/api.js';
import { tempDir } from '../../test/support/temp.js';
import { waitFor } from '../../test/support/wait-for.js';
import { median, medianRatio } from '../support/statistics.js';
import type { Contender, Course } from './contender.js';
import { ShoalWorld } from './shoal.js';
import { openRsyncFolder } from './ssh.js';

const run = promisify(execFile);
const FILES = 10_000;
const FILES_PER_FOLDER = 100;
const MAX_FILE_BYTES = 20 * 1024;
/** Published and every path found within this, ms. */
const PUBLISHED_MS = 2_000;

export interface FolderRace {
  readonly place: 'disk' | 'RAM disk';
  /** Most that `shoal get` may take, in times of rsync's. */
  readonly most: number;
  readonly names: readonly string[];
  /** Seconds of each round, by contender. */
  readonly seconds: readonly (readonly number[])[];
  readonly publishedMs: number;
}

/** @throws {Missing} when rsync cannot be run. */
export async function raceFolders(rounds: number): Promise<FolderRace[]> {
  return [await race('disk', 1, rounds), await race('RAM disk', 1.3, rounds)];
}

export function folderRows(races: readonly FolderRace[]): string[][] {
  const head = ['', 'rsync, s', 'shoal get, s', 'times rsync', 'at most', 'reached', 'published and found, ms'];
  const rows = races.map(({ place, most, seconds: [theirs = [], ours = []], publishedMs }) => {
    const ratio = medianRatio(ours, theirs);
    const times = [median(theirs).toFixed(2), median(ours).toFixed(2), ratio.toFixed(2), most.toFixed(1)];
    const isReached = ratio <= most && publishedMs <= PUBLISHED_MS;
    return [place, ...times, isReached ? 'yes' : 'no', publishedMs.toFixed(0)];
  });
  return [head, ...rows];
}

async function race(place: FolderRace['place'], most: number, rounds: number): Promise<FolderRace> {
  await using dir = await tempDir({ ram: place === 'RAM disk' });
  const source = dir.join('folder');
  const course: Course = { dir, source, sizeBytes: makeFiles(source) };
  await using world = await ShoalWorld.open(course);
  const publishedMs = await timeToPublish(world);
  await using rsync = await openRsyncFolder(course, { isDurable: place === 'disk' });
  const contenders = [rsync, await world.opened()];
  const seconds = contenders.map(() => [] as number[]);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, contender] of contenders.entries())
      seconds[index]?.push(await moveOnce(course, contender, round));
  }
  return { place, most, names: contenders.map(({ name }) => name), seconds, publishedMs };
}

/** From the first `pub` of the folder, its start included, to the moment when a running peer of another user finds its last path. */
async function timeToPublish(world: ShoalWorld): Promise<number> {
  const searcher = await world.openSearcher();
  try {
    const startedAt = performance.now();
    await world.publish();
    await waitFor(() => finds(searcher, basename(pathOf(FILES - 1))), { what: 'the last path to be found' });
    return performance.now() - startedAt;
  } finally {
    await searcher.close();
  }
}

async function finds(searcher: Peer, name: string): Promise<boolean> {
  const { publications } = await searcher.call('sch', { text: name }, { signal: AbortSignal.timeout(10_000) });
  return publications.some((row) => JSON.stringify(row).includes(name));
}

async function moveOnce({ dir, source }: Course, contender: Contender, round: number): Promise<number> {
  const folder = dir.join('target');
  await mkdir(folder);
  const target = dir.join('target/moved');
  const { seconds } = await contender.move(target);
  if (round === 0) await run('diff', ['-r', source, target]);
  await rm(folder, { recursive: true });
  return seconds;
}

/** Makes the files, sizes spread evenly from 1 byte on; returns what they hold together. */
function makeFiles(folder: string): number {
  const bytes = randomBytes(MAX_FILE_BYTES);
  let total = 0;
  for (let index = 0; index < FILES; index += 1) {
    if (index % FILES_PER_FOLDER === 0) mkdirSync(dirname(`${folder}/${pathOf(index)}`), { recursive: true });
    const size = 1 + ((index * 7_919) % MAX_FILE_BYTES);
    bytes.writeUInt32BE(index); // no two are alike
    writeFileSync(`${folder}/${pathOf(index)}`, bytes.subarray(0, size));
    total += size;
  }
  return total;
}

function pathOf(index: number): string {
  return `part-${Math.floor(index / FILES_PER_FOLDER)}/small-${index}.bin`;
}
