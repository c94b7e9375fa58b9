// Heartbeats beside the announces of opentracker and bittorrent-tracker.
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { startOpentracker } from '../support/opentracker.js';
import { startServer } from '../support/servers.js';
import { medianRatio } from '../support/statistics.js';
import { installed, Missing } from '../support/tools.js';
import { ANNOUNCE_ANSWER, announceVolley } from './announces.js';
import { cpuOf, type Load, loadTable, measure, ratioTable, type Target, targetTable } from './rounds.js';
import { type PartOptions, shoalLoad } from './shoal-load.js';

const BITTORRENT_TRACKER = 'bittorrent-tracker@11.2.3';
/** More than any of the servers can answer. */
const MOST_PER_SECOND = 70_000;
const NAMES = { opentracker: 'opentracker, announces', npm: 'bittorrent-tracker, announces' } as const;

export async function presencePart(options: PartOptions): Promise<string> {
  await using servers = new AsyncDisposableStack();
  const heartbeat = { v: 1, id: 'heartbeat', type: 'heartbeat' };
  const missing: string[] = [];
  const results = await measure(
    [
      shoalLoad({ ...options, name: 'shoal, heartbeats', perSecond: MOST_PER_SECOND, request: () => () => heartbeat }),
      ...(await competitors(options, servers, missing)),
    ],
    options,
  );
  const [mine] = results;
  const targets = results.flatMap((other): Target[] => {
    if (mine === undefined || other === mine) return [];
    const measured = medianRatio(cpuOf(other), cpuOf(mine));
    const what = (kind: string): string => `answers per CPU second / ${other.name}, ${kind}`;
    return other.name === NAMES.npm
      ? [
          { what: what('required'), wanted: 0.6, measured },
          { what: what('goal'), wanted: 1, measured },
        ]
      : [{ what: what('goal'), wanted: 1, measured }];
  });
  return [
    '### Presence',
    'A heartbeat is authenticated, encrypted and protected against replay both ways; an announce proves nothing about its sender.',
    ...[
      loadTable(results),
      ratioTable(results),
      targetTable(targets),
      ...missing.map((what) => `Not measured: ${what}.`),
    ],
  ].join('\n\n');
}

async function competitors(
  { dir, generator, seconds, sessionCount, say }: PartOptions,
  servers: AsyncDisposableStack,
  missing: string[],
): Promise<Load[]> {
  const hashes = Array.from({ length: sessionCount }, (_, index) => createHash('sha1').update(String(index)).digest());
  const announces = (name: string, { pid, port }: { pid: number; port: number }): Load => ({
    name,
    fire: async (generators) => {
      const volleys = [];
      while (volleys.length < generators) volleys.push(await announceVolley(port, hashes));
      return generator.fire({ port, pid, seconds, volleys, isRepeatable: true, answer: ANNOUNCE_ANSWER });
    },
  });
  const loads: Load[] = [];
  const orMissing = async (open: () => Promise<Load>): Promise<void> => {
    try {
      loads.push(await open());
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      missing.push(error.message);
      say(error.message);
    }
  };
  await orMissing(async () => {
    const wanted = hashes.map((hash) => hash.toString('hex'));
    return announces(NAMES.opentracker, servers.use(await startOpentracker(dir.join('opentracker'), wanted)));
  });
  await orMissing(async () => announces(NAMES.npm, servers.use(await startBittorrentTracker(dir.join('npm')))));
  return loads;
}

async function startBittorrentTracker(folder: string) {
  await mkdir(folder);
  await installed(folder, [BITTORRENT_TRACKER]);
  let port = 0;
  const program = fileURLToPath(new URL('bittorrent-tracker-program.js', import.meta.url));
  const isReady = (output: () => string): boolean => {
    port = Number(/listening (\d+)/.exec(output())?.[1] ?? 0);
    return port > 0;
  };
  const server = await startServer([process.execPath, program, folder], { isReady });
  return { pid: server.pid, port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
