// Very many sessions and publications in one tracker: what memory they take, and how heartbeats are answered then.

import { table } from '../support/document.js';
import { peakOfTrees, residentOfTrees } from '../support/process-cost.js';
import { openCrowd } from './crowd.js';
import { publishInBulk } from './library-load.js';
import { targetTable } from './rounds.js';
import { type PartOptions, SHOAL_ANSWER, shoalLoad } from './shoal-load.js';

const GIBIBYTE = 2 ** 30;
/** More than can be answered in a second. */
const MOST_PER_SECOND = 60_000;

export async function scalePart(options: PartOptions): Promise<string> {
  const { tracker, generator, names, peers, seconds, say } = options;
  const { pid, handle, owner } = tracker;
  const rows: string[][] = [];
  const note = async (what: string): Promise<void> => {
    const [resident, peak] = [await residentOfTrees([pid]), await peakOfTrees([pid])];
    rows.push([what, inMb(resident), inMb(peak)]);
    say(`${what}: ${inMb(resident)} MB, at most ${inMb(peak)} MB`);
  };
  await note('at the start');
  const startedAt = performance.now();
  const crowd = await openCrowd({
    port: handle.port,
    pin: handle.pin.replace('sha256:', ''),
    data: handle.data,
    count: peers,
  });
  const perSecond = peers / ((performance.now() - startedAt) / 1_000);
  await note(`${peers.toLocaleString('en')} sessions`);
  const bulk = await publishInBulk(owner, pid, names);
  await note(`… and ${names.toLocaleString('en')} publications`);
  const heartbeat = { v: 1, id: 'V1StGXR8_Z5j', type: 'heartbeat', libraryRevision: 0 };
  const once = { ...options, tracker: { ...tracker, groups: [crowd] }, name: 'heartbeats', perSecond: MOST_PER_SECOND };
  const beatOnce = () =>
    generator.fire({
      ...{ port: handle.port, pid, seconds: 60, isRepeatable: false, answer: SHOAL_ANSWER },
      volleys: [crowd.volley(peers, () => heartbeat)],
    });
  await beatOnce(); // publishing took longer than a silent session is active: the first to come back are told the pace of few
  const all = await beatOnce();
  const active = activeIn(await tracker.metrics());
  const fast = await shoalLoad({ ...once, request: () => () => heartbeat }).fire(1);
  const dueEach = peers / 10;
  const paced = await generator.fire({
    ...{ port: handle.port, pid, seconds, isRepeatable: false, answer: SHOAL_ANSWER, rate: dueEach },
    volleys: [crowd.volley(dueEach * (seconds + 1), () => heartbeat)],
  });
  await note('… after their heartbeats');
  return [
    `### ${peers.toLocaleString('en')} active sessions and ${names.toLocaleString('en')} publications`,
    `Each session is that of a serving peer of its own user, taken up over UDP (${perSecond.toFixed(0)}/s); all publications are of one more (${bulk.perSecond.toFixed(0)} entries/s). Memory is of the tracker with its password hasher. Active by the tracker's own count after one heartbeat of each: ${active.toLocaleString('en')}; unanswered: ${(all.lostShare * 100).toFixed(2)} %. As fast as they are answered: ${fast.answersPerSecond.toFixed(0)} heartbeats/s, ${fast.cpuSecondsPerMillion.toFixed(1)} CPU seconds per million. At the pace that so many are asked for, ${dueEach.toFixed(0)} a second: ${paced.serverCores.toFixed(2)} cores, p50 ${paced.p50Ms.toFixed(2)} ms, p99 ${paced.p99Ms.toFixed(2)} ms, ${(paced.lostShare * 100).toFixed(2)} % lost.`,
    table([['', 'resident, MB', 'largest so far, MB'], ...rows]),
    targetTable([
      { what: 'sessions that are active', wanted: peers, measured: active },
      {
        what: 'memory',
        wanted: inMiB(GIBIBYTE),
        measured: inMiB(await peakOfTrees([pid])),
        unit: ' MiB',
        isAtMost: true,
      },
    ]),
  ].join('\n\n');
}

function activeIn(metrics: string): number {
  return Number(/^shoal_sessions\{state="active"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

function inMb(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function inMiB(bytes: number): number {
  return bytes / 2 ** 20;
}
