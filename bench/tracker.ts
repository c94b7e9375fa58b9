/**
 * `npm run bench:tracker`: Shoal's tracker beside opentracker and bittorrent-tracker, in turns. Options: --seconds 4 --runs 3
 * --sessions 500 --names 100000 --document no. Heartbeats are authenticated and encrypted, announces are neither. Results go to
 * standard output and docs/benchmarks.md.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { loadOrCreateIdentity } from '../common/wire/identity.js';
import { newId, RawSession } from '../test/e2e/raw-session.js';
import { startTracker, type TrackerHandle } from '../test/support/program.js';
import { type TempDir, tempDir } from '../test/support/temp.js';
import { table, writeSection } from './support/document.js';
import { describeLoad, describeMachine } from './support/machine.js';
import { startOpentracker } from './support/opentracker.js';
import { countOf, optionsOf } from './support/options.js';
import { peakOfTrees } from './support/process-cost.js';
import { startServer } from './support/servers.js';
import { median, medianRatio } from './support/statistics.js';
import { installed, Missing } from './support/tools.js';
import { ANNOUNCE_ANSWER, announceVolley } from './tracker/announces.js';
import {
  type LatencyResult,
  nameOf,
  publishInBulk,
  type RateResult,
  searchesFor,
  searchTimes,
} from './tracker/library-load.js';
import { buildGenerator, type Generator, type LoadResult } from './tracker/load.js';
import { ShoalSessions } from './tracker/shoal-sessions.js';

const OWNER = 'alice';
const READER = 'bob';
const SHOAL_ANSWER = { offset: 1, value: 0x84 } as const;
const BITTORRENT_TRACKER = 'bittorrent-tracker@11.2.3';
/** More requests than any of the servers can answer in a second are prepared for each second. */
const MOST_PER_SECOND = { heartbeat: 70_000, sources: 40_000, ticket: 8_000, publish: 12_000 } as const;
const SEARCHES = 300;
/** The tracker allows 64 sessions a user. */
const FORKS_A_USER = 50;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const options = optionsOf({ seconds: '4', runs: '3', sessions: '500', names: '100000', document: 'yes' });
const seconds = countOf('seconds', options.seconds);
const rounds = countOf('runs', options.runs);
const sessionCount = countOf('sessions', options.sessions);
const names = countOf('names', options.names);
const missing: string[] = [];

/** One server under one kind of load, by one or two generators. */
interface Load {
  readonly name: string;
  fire(generators: number): Promise<LoadResult>;
}

interface Measured {
  readonly name: string;
  readonly one: LoadResult[];
  readonly two: LoadResult[];
}

async function main(): Promise<void> {
  const load = describeLoad();
  await using dir = await tempDir();
  const generator = await buildGenerator(dir);
  await using servers = new AsyncDisposableStack();
  const tracker = servers.use(await startShoal(dir));
  const owner = servers.use(await logIn(dir, tracker, OWNER));
  const reader = servers.use(await logIn(dir, tracker, READER));
  const pid = tracker.process.pid;
  using beating = keepAlive(owner);
  const bulk = await publishInBulk(owner, pid, names);
  say(`bulk publish: ${bulk.perSecond.toFixed(0)} entries/s`);
  const searches: LatencyResult[] = [];
  for (const each of searchesFor(names, SEARCHES)) searches.push(await searchTimes(reader, pid, each));
  say(`searches: ${searches.map(({ what, p99Ms }) => `${what} p99 ${p99Ms.toFixed(2)} ms`).join(', ')}`);
  const common = { generator, tracker, groups: await openGroups(dir, tracker) };
  const heartbeat = { v: 1, id: 'heartbeat', type: 'heartbeat' };
  const perSecond = MOST_PER_SECOND.heartbeat;
  const presence = await measure([
    shoalLoad({ ...common, name: 'shoal, heartbeats', perSecond, request: () => () => heartbeat }),
    ...(await competitors(dir, generator, servers)),
  ]);
  const requests = await measure(await requestLoads(common, reader));
  const peakMb = (await peakOfTrees([pid])) / 1e6;
  const text = report({ load, presence, requests, bulk, searches, peakMb });
  say(`\n${text}`);
  if (options.document === 'yes') await writeSection('tracker', text);
  beating[Symbol.dispose]();
}

async function startShoal(dir: TempDir): Promise<TrackerHandle> {
  const users = [OWNER, READER, ...crowd(0), ...crowd(1)];
  const credentials = Object.fromEntries(users.map((user) => [user, passwordOf(user)]));
  return startTracker({ credentials, data: dir.join('tracker') });
}

async function logIn(dir: TempDir, { host, port, pin }: TrackerHandle, user: string): Promise<RawSession> {
  const device = await loadOrCreateIdentity(dir.join(`${user}.pem`), { commonName: user });
  const presence = { serving: user === OWNER, libraryRevision: 0, ...(user === OWNER ? { filePort: 40_123 } : {}) };
  return RawSession.open({ host, port, pin }, { transport: 'tcp', user, password: passwordOf(user), device, presence });
}

function passwordOf(user: string): string {
  return `a password for ${user}`;
}

/** Whoever stops sending is offline, and what he publishes is not found any more. */
function keepAlive(session: RawSession): Disposable {
  const timer = setInterval(() => void session.request('heartbeat', {}).catch(() => undefined), 1_000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Two groups, one for each generator. A login costs a password hash, so several sessions are forked from each. */
async function openGroups(dir: TempDir, tracker: TrackerHandle): Promise<readonly ShoalSessions[]> {
  const groups: ShoalSessions[] = [];
  for (const group of [0, 1]) {
    const grants = [];
    for (const user of crowd(group)) {
      using session = await logIn(dir, tracker, user);
      grants.push(session.grant);
    }
    const place = { port: tracker.port, pin: tracker.pin.replace('sha256:', '') };
    groups.push(await ShoalSessions.open({ ...place, grants, count: sessionCount }));
  }
  return groups;
}

/** The users of one group. */
function crowd(group: number): readonly string[] {
  return Array.from({ length: Math.ceil(sessionCount / FORKS_A_USER) }, (_, index) => `user-${group}-${index}`);
}

async function requestLoads(common: CommonLoad, reader: RawSession): Promise<Load[]> {
  const found = await reader.request('search', { text: nameOf(0), exact: true });
  const publicationId = found.ok ? found.publications[0]?.publicationId : undefined;
  if (publicationId === undefined) throw new Error('the first publication is not found');
  const lookUp = { v: 1, id: 'look', type: 'sources', publicationId, ticket: false };
  const ticket = { ...lookUp, ticket: true };
  return [
    shoalLoad({ ...common, name: 'sources', perSecond: MOST_PER_SECOND.sources, request: () => () => lookUp }),
    shoalLoad({
      ...common,
      name: 'sources with a ticket',
      perSecond: MOST_PER_SECOND.ticket,
      request: () => () => ticket,
    }),
    shoalLoad({
      ...common,
      name: 'publish, one entry, durable',
      perSecond: MOST_PER_SECOND.publish,
      request: publishOne,
    }),
  ];
}

/** Each acknowledges the one before it of the same session. */
function publishOne(volley: number): (turn: number) => object {
  let made = 0;
  return (turn) => {
    made += 1;
    const fileId = made.toString(16).padStart(64, 'f');
    const entries = [{ name: `single ${newId()}`, fileId, size: made, kind: 'file' }];
    return {
      v: 1,
      id: `p${volley}-${turn}`,
      type: 'publish',
      entries,
      ...(turn === 0 ? {} : { acks: [`p${volley}-${turn - 1}`] }),
    };
  };
}

interface CommonLoad {
  readonly generator: Generator;
  readonly tracker: TrackerHandle;
  readonly groups: readonly ShoalSessions[];
}

interface ShoalLoadOptions extends CommonLoad {
  readonly name: string;
  readonly perSecond: number;
  /** What one session sends in its turns, in the given volley. */
  readonly request: (volley: number) => (turn: number) => object;
}

function shoalLoad({ name, generator, tracker, groups, perSecond, request }: ShoalLoadOptions): Load {
  let fired = 0;
  return {
    name,
    fire: async (generators) => {
      fired += 1;
      const used = groups.slice(0, generators);
      const volleys = used.map((group) => group.volley((perSecond * seconds) / generators, request(fired)));
      const { port, process: program } = tracker;
      const load = { port, pid: program.pid, seconds, volleys, isRepeatable: false, answer: SHOAL_ANSWER };
      const result = await generator.fire(load);
      for (const group of used) group.check(result.samples);
      return result;
    },
  };
}

async function competitors(dir: TempDir, generator: Generator, servers: AsyncDisposableStack): Promise<Load[]> {
  const infoHashes = Array.from({ length: sessionCount }, (_, index) =>
    createHash('sha1').update(String(index)).digest(),
  );
  const announces = (name: string, { pid, port }: { pid: number; port: number }): Load => ({
    name,
    fire: async (generators) => {
      const volleys = [];
      while (volleys.length < generators) volleys.push(await announceVolley(port, infoHashes));
      return generator.fire({ port, pid, seconds, volleys, isRepeatable: true, answer: ANNOUNCE_ANSWER });
    },
  });
  const loads: Load[] = [];
  await orMissing(async () => {
    const server = servers.use(
      await startOpentracker(
        dir.join('opentracker'),
        infoHashes.map((hash) => hash.toString('hex')),
      ),
    );
    loads.push(announces('opentracker, announces', server));
  });
  await orMissing(async () => {
    const folder = dir.join('npm');
    await mkdir(folder);
    await installed(folder, [BITTORRENT_TRACKER]);
    let port = 0;
    const program = fileURLToPath(new URL('tracker/bittorrent-tracker-program.js', import.meta.url));
    const isReady = (output: () => string): boolean => {
      port = Number(/listening (\d+)/.exec(output())?.[1] ?? 0);
      return port > 0;
    };
    const server = servers.use(await startServer([process.execPath, program, folder], { isReady }));
    loads.push(announces('bittorrent-tracker, announces', { pid: server.pid, port }));
  });
  return loads;
}

async function orMissing(open: () => Promise<void>): Promise<void> {
  try {
    await open();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    missing.push(error.message);
    say(error.message);
  }
}

/** In turns, with one generator and with two: if two get more answers, one was the bottleneck. */
async function measure(loads: readonly Load[]): Promise<Measured[]> {
  const results = loads.map(({ name }) => ({ name, one: [] as LoadResult[], two: [] as LoadResult[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, load] of loads.entries()) {
      const [one, two] = [await load.fire(1), await load.fire(2)];
      results[index]?.one.push(one);
      results[index]?.two.push(two);
      say(
        `${round + 1}/${rounds} ${load.name}: ${one.answersPerSecond.toFixed(0)}/s, two generators ${two.answersPerSecond.toFixed(0)}/s`,
      );
    }
  }
  return results;
}

interface Findings {
  readonly load: string;
  readonly presence: readonly Measured[];
  readonly requests: readonly Measured[];
  readonly bulk: RateResult;
  readonly searches: readonly LatencyResult[];
  readonly peakMb: number;
}

function report({ load, presence, requests, bulk, searches, peakMb }: Findings): string {
  return [
    '## Tracker',
    `${rounds} rounds in turns of ${seconds} s each, ${sessionCount} sessions a generator, medians. ${describeMachine()}. ${load}.`,
    'A heartbeat is authenticated, encrypted and protected against replay both ways; an announce proves nothing about its sender. The generator sends prepared datagrams and waits for answers (a closed window of 512); its share is the processor time it used of the time it ran, and the same load from two generators shows whether it was the bottleneck. CPU is that of the server with all its threads.',
    '### Presence',
    loadTable(presence),
    ratioTable(presence),
    '### Requests over UDP',
    loadTable(requests),
    `### Index of ${names.toLocaleString('en')} names, over TCP`,
    table([
      ['', 'entries/s', 'CPU s per million', 'share of the asking process'],
      [
        'publish in bulk of 1,000, durable',
        bulk.perSecond.toFixed(0),
        bulk.cpuSecondsPerMillion.toFixed(1),
        bulk.askerShare.toFixed(2),
      ],
    ]),
    table([
      ['search, as the client sees it', 'p50 ms', 'p99 ms', 'mean rows', 'CPU s per million'],
      ...searches.map((each) => [
        each.what,
        each.p50Ms.toFixed(2),
        each.p99Ms.toFixed(2),
        each.rows.toFixed(1),
        each.cpuSecondsPerMillion.toFixed(0),
      ]),
    ]),
    `Largest resident memory of the tracker with its password hasher over the whole run: ${peakMb.toFixed(0)} MB.`,
    missing.length === 0 ? '' : `Not measured: ${missing.join('; ')}.`,
  ]
    .filter(Boolean)
    .join('\n\n');
}

function loadTable(results: readonly Measured[]): string {
  const of = (loads: readonly LoadResult[], field: Exclude<keyof LoadResult, 'samples'>): number =>
    median(loads.map((each) => each[field]));
  return table([
    [
      '',
      'answers/s',
      'with two generators',
      'CPU s per million',
      'cores of the server',
      'share of a generator',
      'lost',
    ],
    ...results.map(({ name, one, two }) => [
      name,
      of(one, 'answersPerSecond').toFixed(0),
      of(two, 'answersPerSecond').toFixed(0),
      of([...one, ...two], 'cpuSecondsPerMillion').toFixed(1),
      of(one, 'serverCores').toFixed(2),
      of(one, 'generatorShare').toFixed(2),
      `${(of(one, 'lostShare') * 100).toFixed(2)} %`,
    ]),
  ]);
}

function ratioTable([mine, ...others]: readonly Measured[]): string {
  if (mine === undefined || others.length === 0) return '';
  const cpu = ({ one, two }: Measured): number[] => [...one, ...two].map((each) => each.cpuSecondsPerMillion);
  const rate = ({ one, two }: Measured): number[] => [...one, ...two].map((each) => each.answersPerSecond);
  return table([
    ['shoal against', 'answers/s', 'answers per CPU second'],
    ...others.map((other) => [
      other.name,
      medianRatio(rate(mine), rate(other)).toFixed(2),
      medianRatio(cpu(other), cpu(mine)).toFixed(2),
    ]),
  ]);
}

await main();
