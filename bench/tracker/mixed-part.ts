// Heartbeats while everything else happens at once: login attempts, bulk publishing, searches.
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

import { encodeHello, readCookieReply } from '../../common/wire/datagrams.js';
import { sealLogin } from '../../common/wire/sealed-login.js';
import { loginOf, userOf } from '../../test/tracker/raw-messages.js';
import { table } from '../support/document.js';
import { peakOfTrees } from '../support/process-cost.js';
import { nameOf, publishInBulk } from './library-load.js';
import { targetTable } from './rounds.js';
import { type PartOptions, SHOAL_ANSWER } from './shoal-load.js';

/** One source may send 50 unproven datagrams a second. */
const SOURCES = 25;
const LOGINS_PER_SECOND = 1_000;
const BEATS_PER_SECOND = 2_000;
const SEARCHES_PER_SECOND = 20;
const COOKIE_TIMEOUT_MS = 5_000;
/** Everything else runs so long before heartbeats are timed: a program of this kind is compiled while it works. */
const WARM_UP_SECONDS = 3;
/** Prepared names of bulk requests; more than are published in the time. */
const MANY = 10_000_000;

export async function mixedPart(options: PartOptions): Promise<string> {
  const { tracker, generator, seconds, say } = options;
  const [group] = tracker.groups;
  if (group === undefined) throw new Error('there are no sessions');
  const otherSeconds = WARM_UP_SECONDS + seconds;
  const logins = await preparedLogins(options, otherSeconds * LOGINS_PER_SECOND);
  const beats = async () => {
    const volleys = [
      group.volley(BEATS_PER_SECOND * (seconds + 1), () => ({ v: 1, id: 'heartbeat', type: 'heartbeat' })),
    ];
    const place = { port: tracker.handle.port, pid: tracker.pid, rate: BEATS_PER_SECOND, answer: SHOAL_ANSWER };
    return generator.fire({ ...place, seconds, volleys, isRepeatable: false });
  };
  const alone = await beats();
  const over = new AbortController();
  const before = await tracker.metrics();
  const others = Promise.allSettled([
    sendLogins(logins, over.signal),
    publishOn(options, over.signal),
    searchOn(options, over.signal),
  ]);
  await pause(WARM_UP_SECONDS * 1_000);
  const together = await beats();
  over.abort();
  const [, published, searched] = await others;
  for (const { socket } of logins) socket.close();
  const codes = loginsBetween(before, await tracker.metrics());
  const peakMb = (await peakOfTrees([tracker.pid])) / 1e6;
  say(`heartbeats p99 ${together.p99Ms.toFixed(2)} ms`);
  const perSecond = (result: PromiseSettledResult<number> | undefined): string =>
    result?.status === 'fulfilled' ? (result.value / otherSeconds).toFixed(0) : 'failed';
  return [
    '### Heartbeats while everything else happens',
    `${BEATS_PER_SECOND} heartbeats a second for ${seconds} s, first alone, then beside ${LOGINS_PER_SECOND} login attempts a second over UDP from ${SOURCES} addresses (answered: ${codes}), bulk publishing as fast as one client gets it acknowledged (${perSecond(published)} entries/s) and up to ${SEARCHES_PER_SECOND} searches a second (${perSecond(searched)}/s), which have run for ${WARM_UP_SECONDS} s before. Times count from when a heartbeat was due. Attempts of users that do not exist cost as much as others; the generators and clients use the same cores.`,
    table([
      ['', 'p50 ms', 'p99 ms', 'lost', 'cores of the tracker'],
      ...(
        [
          ['alone', alone],
          ['beside all of it', together],
        ] as const
      ).map(([what, load]) => [
        what,
        load.p50Ms.toFixed(2),
        load.p99Ms.toFixed(2),
        `${(load.lostShare * 100).toFixed(2)} %`,
        load.serverCores.toFixed(2),
      ]),
    ]),
    targetTable([
      { what: 'p99 of a heartbeat beside all of it', wanted: 5, measured: together.p99Ms, unit: ' ms', isAtMost: true },
      { what: 'largest memory, hasher included', wanted: 600, measured: peakMb, unit: ' MB', isAtMost: true },
    ]),
  ].join('\n\n');
}

interface PreparedLogins {
  readonly socket: Socket;
  readonly datagrams: readonly Buffer[];
}

/** Sealed before the clock runs: sealing costs the sender as much as opening costs the tracker. */
async function preparedLogins({ tracker: { handle } }: PartOptions, count: number): Promise<PreparedLogins[]> {
  const pin = handle.pin.replace('sha256:', '');
  const sources: PreparedLogins[] = [];
  const stranger = userOf('nobody');
  for (let source = 1; source <= SOURCES; source += 1) {
    const socket = createSocket('udp4');
    socket.bind(0, `127.8.0.${source}`);
    await once(socket, 'listening');
    socket.connect(handle.port, '127.0.0.1');
    await once(socket, 'connect');
    const nonce = randomBytes(16);
    socket.send(encodeHello(nonce));
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(COOKIE_TIMEOUT_MS) })) as [Buffer];
    const offer = readCookieReply(answer, { nonce, pin });
    if (offer === undefined) throw new Error('the tracker sent no good cookie');
    const datagrams: Buffer[] = [];
    while (datagrams.length < count / SOURCES) {
      const message = loginOf({ ...stranger, user: `nobody${datagrams.length}` }, pin);
      datagrams.push((await sealLogin({ ...offer, trackerPin: pin, message })).datagram);
    }
    sources.push({ socket, datagrams });
  }
  return sources;
}

async function sendLogins(sources: readonly PreparedLogins[], over: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  let sent = 0;
  while (!over.aborted) {
    const due = ((performance.now() - startedAt) / 1_000) * LOGINS_PER_SECOND;
    for (; sent < due; sent += 1) {
      const { socket, datagrams } = sources[sent % sources.length] as PreparedLogins;
      const datagram = datagrams[Math.floor(sent / sources.length)];
      if (datagram !== undefined) socket.send(datagram);
    }
    await pause(5);
  }
  return sent;
}

async function publishOn({ tracker: { owner, pid } }: PartOptions, over: AbortSignal): Promise<number> {
  let published = 0;
  for (let first = MANY; !over.aborted; first += 1_000, published += 1_000)
    await publishInBulk(owner, pid, 1_000, { first, pipelined: 1 });
  return published;
}

async function searchOn({ tracker: { reader } }: PartOptions, over: AbortSignal): Promise<number> {
  let searched = 0;
  for (; !over.aborted; searched += 1) {
    await reader.request('search', { text: nameOf(searched).split(' ').slice(0, 2).join(' ') });
    await pause(1_000 / SEARCHES_PER_SECOND);
  }
  return searched;
}

/** How many logins were answered with which code between two looks. */
function loginsBetween(before: string, after: string): string {
  const counts = (page: string): Map<string, number> =>
    new Map(
      [...page.matchAll(/^shoal_requests_total\{type="login",transport="udp",code="([^"]+)"\} (\d+)$/gm)].map(
        ([, code = '', count]) => [code, Number(count)],
      ),
    );
  const start = counts(before);
  return [...counts(after)].map(([code, count]) => `${code} ${count - (start.get(code) ?? 0)}`).join(', ');
}
