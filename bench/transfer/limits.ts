/**
 * What must hold at full speed: how soon the first byte comes, that the event loop stays free, and that memory stays small. With programs
 * of their own, since what watches them must not run while speed is measured.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { chunkCount } from '../../common/content/chunk-range.js';
import { chunkSizeFor } from '../../common/content/chunk-size.js';
import type { Peer } from '../../peer/api.js';
import { createDoor } from '../../peer/door/door.js';
import { startPeer } from '../../peer/peer.js';
import { contactTracker } from '../../peer/tracker-client/contact.js';
import { peakMemory, peakMemoryUntilExit, resetPeakMemory } from '../../test/support/proc.js';
import {
  type RunningProgram,
  type ServeHandle,
  startProgram,
  startServe,
  startTracker,
  type TrackerHandle,
} from '../../test/support/program.js';
import { type TempDir, tempDir } from '../../test/support/temp.js';
import { waitFor } from '../../test/support/wait-for.js';
import { median } from '../support/statistics.js';
import type { Course } from './contender.js';
import { timeToFirstBytes } from './first-byte.js';
import { ManyUploads } from './many-uploads.js';

export interface Limit {
  readonly what: string;
  readonly unit: 'ms' | 'MB';
  readonly most: number;
  readonly measured: number;
}

const LOOP_DELAY = fileURLToPath(new URL('../support/loop-delay.js', import.meta.url));
const ALICE = { user: 'alice', password: 'a password for alice' };
const BOB = { user: 'bob', password: 'a password for bob' };
const CROWD = Array.from({ length: 8 }, (_, index) => ({
  user: `reader-${index}`,
  password: `a password for ${index}`,
}));
/** 64 in all, as many as one user may have and as all may have. */
const CONNECTIONS_PER_USER = 8;
const CROWD_MS = 10_000;
/** Time for every buffer on the way to fill while nobody reads. */
const STUCK_MS = 2_000;
const FIRST_BYTE_RUNS = 15;
/** Between two of them, so that none pays for the end of the one before. */
const REST_MS = 200;

interface Delays {
  readonly p99Ms: number;
  readonly maxMs: number;
}

export async function measureLimits(course: Course): Promise<Limit[]> {
  await using dir = await tempDir();
  const credentials = Object.fromEntries([ALICE, BOB, ...CROWD].map(({ user, password }) => [user, password]));
  await using tracker = await startTracker({ credentials, data: dir.join('tracker') });
  const env = { NODE_OPTIONS: `--import ${LOOP_DELAY}`, LOOP_DELAY_FILE: dir.join('source.json') };
  await using source = await startServe({
    tracker,
    ...ALICE,
    data: dir.join('alice'),
    downloads: dir.join('none'),
    env,
  });
  const { result } = await source.run(['pub', course.source], { json: true, env: {} });
  const { publicationId } = (result as unknown as { outcomes: { publication: { publicationId: string } }[] })
    .outcomes[0]!.publication;
  return [
    await firstByte({ dir, tracker, name: basename(course.source) }),
    ...(await fullSpeed({ course, dir, tracker, source })),
    await manyUploads({ course, dir, tracker, source, publicationId }),
  ];
}

async function firstByte({
  dir,
  tracker,
  name,
}: {
  dir: TempDir;
  tracker: TrackerHandle;
  name: string;
}): Promise<Limit> {
  const folder = dir.join('first');
  await mkdir(folder);
  const { platform } = process;
  const door = createDoor({ dataDir: dir.join('bob'), platform, downloads: folder, startPeer, contactTracker });
  const signal = new AbortController().signal;
  const peer: Peer = await door.open({ tracker: tracker.address, ...BOB, serving: true, signal });
  const times: number[] = [];
  try {
    for (let run = 0; run < FIRST_BYTE_RUNS; run += 1) {
      await pause(REST_MS);
      times.push(await timeToFirstBytes(peer, { name, folder }));
    }
  } finally {
    await peer.close();
  }
  const what = `from Enter in a running peer to the first proven bytes in the file, median of ${FIRST_BYTE_RUNS}`;
  return { what, unit: 'ms', most: 50, measured: median(times) };
}

interface Setting {
  readonly course: Course;
  readonly dir: TempDir;
  readonly tracker: TrackerHandle;
  readonly source: ServeHandle;
}

/** One download with nothing else: what both event loops and memories go through. */
async function fullSpeed({ course, dir, tracker, source }: Setting): Promise<Limit[]> {
  const file = dir.join('downloader.json');
  const words = ['get', `@${ALICE.user}/${basename(course.source)}`, '--json', '--tracker', tracker.address];
  const places = ['--user', BOB.user, '--data', dir.join('bob'), '--downloads', course.dir.join('full-speed')];
  await resetPeakMemory(source.process.pid);
  const env = { SHOAL_PASSWORD: BOB.password, NODE_OPTIONS: `--import ${LOOP_DELAY}`, LOOP_DELAY_FILE: file };
  await using download = await startProgram([...words, ...places], { env });
  const peak = peakMemoryUntilExit(download.pid);
  await download.waitForEvent('transfer', { where: hasBegun, timeoutMs: 60_000 });
  await delaysSince(download, file);
  await delaysSince(source.process, dir.join('source.json'));
  const { code } = await download.waitForExit(300_000);
  if (code !== 0) throw new Error(download.describe());
  const ends = [
    JSON.parse(await readFile(file, 'utf8')) as Delays,
    await delaysSince(source.process, dir.join('source.json')),
  ];
  await rm(course.dir.join('full-speed'), { recursive: true });
  const peaks = [await peak, await peakMemory(source.process.pid)];
  return ['downloader', 'source'].flatMap((end, index): Limit[] => [
    {
      what: `p99 of the event loop's delay at full speed, ${end}`,
      unit: 'ms',
      most: 50,
      measured: ends[index]?.p99Ms ?? NaN,
    },
    { what: `peak memory, ${end}`, unit: 'MB', most: 250, measured: (peaks[index] ?? NaN) / 1e6 },
  ]);
}

/** 64 downloads of 8 users at full speed, then all of them stuck. */
async function manyUploads({
  course,
  dir,
  tracker,
  source,
  publicationId,
}: Setting & { publicationId: string }): Promise<Limit> {
  await resetPeakMemory(source.process.pid);
  const chunks = chunkCount(course.sizeBytes, chunkSizeFor(course.sizeBytes));
  const common = { tracker, dir, publicationId, chunks, users: CROWD, connectionsPerUser: CONNECTIONS_PER_USER };
  using uploads = await ManyUploads.start(common);
  await pause(CROWD_MS);
  uploads.pause();
  await pause(STUCK_MS);
  if (uploads.open < CROWD.length * CONNECTIONS_PER_USER) throw new Error(`only ${uploads.open} uploads went on`);
  const measured = (await peakMemory(source.process.pid)) / 1e6;
  const what = `peak memory, source of ${uploads.open} uploads at once (${(uploads.receivedBytes / 2 ** 30).toFixed(1)} GiB)`;
  return { what, unit: 'MB', most: 300, measured };
}

/** What the program's event loop did since this was asked last. */
async function delaysSince({ pid }: RunningProgram, file: string): Promise<Delays> {
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  return waitFor(() =>
    readFile(file, 'utf8').then(
      (text) => JSON.parse(text) as Delays,
      () => undefined,
    ),
  );
}

function hasBegun(event: object): boolean {
  return 'transfer' in event && (event.transfer as { receivedBytes: number }).receivedBytes > 0;
}
