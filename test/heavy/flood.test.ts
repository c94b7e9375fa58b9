/**
 * T20: datagrams that mean nothing. How many a second the tracker can read here and now is measured first. Half of that, or `FLOOD_RATE`,
 * costs no honest heartbeat as long as the tracker keeps up; beyond what it can read nobody who falls back to TCP is evicted.
 */
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { TrackerHandle } from '../support/program.js';
import { RawTcp, RawUdp } from '../tracker/raw-client.js';
import { loginOf, type RawGrant, request, resumeOf, userOf } from '../tracker/raw-messages.js';
import { grantOf } from '../tracker/test-tracker.js';
import { placeOf, startTrackerProcess } from '../tracker/tracker-process.js';

const PEERS = 30;
const FLOOD_MS = 15_000;
const DRAIN_MS = 4_000;
/** Of the flood: where less of it was read, it was more than the tracker could read on a machine that had other things to do. */
const KEPT_UP = 0.99;
const INTERVAL_MS = 2_000;
const RESEND_AT_MS = [0, 250, 750, 1_750];

/** Sends garbage of every kind until it is told to stop, and says how many. A worker: the honest peers must not wait for it. */
const FLOODER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { createSocket } = require('node:dgram');
  const { randomBytes } = require('node:crypto');
  const socket = createSocket('udp4');
  const kinds = [];
  for (let index = 0; index < 64; index += 1) {
    const size = [1, 42, 90, 1200, 1200][index % 5];
    const datagram = randomBytes(size);
    datagram[0] = index % 8 === 0 ? 9 : 1;
    if (size > 1) datagram[1] = [1, 2, 3, 4, 0x84][index % 5];
    kinds.push(datagram);
  }
  let sent = 0;
  let isStopped = false;
  parentPort.on('message', () => { isStopped = true; });
  socket.bind(0, workerData.from, () => {
    const since = performance.now();
    const burst = () => {
      if (isStopped) return socket.close(() => { parentPort.postMessage(sent); parentPort.close(); });
      const allowed = workerData.rate === 0 ? sent + 256 : (performance.now() - since) / 1000 * workerData.rate;
      for (let count = 0; count < 256 && sent < allowed; count += 1) {
        socket.send(kinds[sent % kinds.length], workerData.port, '127.0.0.1');
        sent += 1;
      }
      setImmediate(burst);
    };
    burst();
  });
`;

class Flood {
  readonly #workers: readonly Worker[];
  readonly #since = performance.now();

  constructor(port: number, rate: number) {
    const from = ['127.9.0.1'];
    this.#workers = from.map(
      (address) => new Worker(FLOODER, { eval: true, workerData: { from: address, port, rate: rate / from.length } }),
    );
  }

  /** Datagrams a second. */
  async stop(): Promise<number> {
    const counts = this.#workers.map((worker) => {
      const { promise, resolve } = Promise.withResolvers<number>();
      worker.once('message', resolve);
      worker.postMessage('stop');
      return promise;
    });
    const sent = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    return Math.round(sent / ((performance.now() - this.#since) / 1_000));
  }
}

/** A peer as docs/protocol.md has it: resends, and comes back over TCP when UDP fails. */
class HonestPeer implements AsyncDisposable {
  beats = 0;
  acknowledged = 0;
  fallbacks = 0;
  isStopping = false;
  #running: Promise<void> | undefined;

  private constructor(
    readonly udp: RawUdp,
    private grant: RawGrant,
  ) {}

  static async enter(place: ReturnType<typeof placeOf>, user: string): Promise<HonestPeer> {
    const udp = await RawUdp.open(place);
    return new HonestPeer(udp, grantOf(await udp.login(loginOf(userOf(user), place.pin, { filePort: undefined }))));
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Counts from here on. */
  forget(): void {
    this.beats = 0;
    this.acknowledged = 0;
    this.fallbacks = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isStopping = true;
    await this.#running;
    await this.udp[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    this.udp.use(this.grant);
    while (!this.isStopping) {
      const since = performance.now();
      const isAcknowledged = await this.#beat(since);
      this.beats += 1; // not before: one that is still on its way when the figures are read is not lost
      if (isAcknowledged) this.acknowledged += 1;
      else await this.#fallBack();
      await wait(since + INTERVAL_MS - performance.now());
    }
  }

  async #beat(since: number): Promise<boolean> {
    const beat = request('heartbeat');
    const isAnswered = (): boolean => this.udp.messages.some(({ id }) => id === beat.id);
    for (const [index, at] of RESEND_AT_MS.entries()) {
      await wait(since + at - performance.now());
      if (isAnswered()) break;
      this.#answerChallenge();
      this.udp.send(this.udp.seal(beat));
      if (index === RESEND_AT_MS.length - 1) await wait(since + INTERVAL_MS - 50 - performance.now());
    }
    const answered = isAnswered();
    this.udp.messages.length = 0;
    this.udp.received.length = 0;
    return answered;
  }

  /** After a fall back to TCP the tracker wants the address of the datagrams proven again. */
  #answerChallenge(): void {
    const asked = this.udp.messages.findLast(({ event }) => event === 'challenge');
    if (asked !== undefined) this.udp.send(this.udp.seal(request('path', { challenge: asked['challenge'] })));
  }

  async #fallBack(): Promise<void> {
    this.fallbacks += 1;
    await using client = await RawTcp.open(this.udp.place);
    this.grant = grantOf(await client.ask(resumeOf(this.grant, { filePort: undefined })));
    this.udp.use(this.grant);
  }
}

/** Datagrams that the tracker has judged to be nothing, so far. The hint to one of an unknown session may be over a rate besides. */
async function judged(statusPort: number): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text();
  const counts = page.matchAll(/^shoal_datagrams_dropped_total\{reason="(?!overRate)\w+"\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

interface Flooded {
  readonly sentPerSecond: number;
  readonly judgedPerSecond: number;
  /** Fewest of the peers that were listed at any time. */
  readonly listed: number;
}

/** `perSecond` 0: as many as one processor sends. */
async function flood(world: World, perSecond: number, forMs: number): Promise<Flooded> {
  const { tracker, statusPort, watcher } = world;
  const [since, before] = [performance.now(), await judged(statusPort)];
  const flooding = new Flood(tracker.port, perSecond);
  let listed = PEERS;
  while (performance.now() - since < forMs) {
    listed = Math.min(listed, (await watcher.ask(request('listPeers')))['peers'].length);
    await wait(500);
  }
  const sentPerSecond = await flooding.stop();
  const seconds = (performance.now() - since) / 1_000;
  return { sentPerSecond, judgedPerSecond: Math.round(((await judged(statusPort)) - before) / seconds), listed };
}

interface World {
  readonly tracker: TrackerHandle;
  readonly statusPort: number;
  readonly watcher: RawTcp;
  readonly peers: readonly HonestPeer[];
}

async function openWorld(cleanUp: AsyncDisposableStack): Promise<World> {
  const users = Array.from({ length: PEERS }, (_, index) => `peer${index}`);
  const tracker = cleanUp.use(
    await startTrackerProcess({ users: [...users, 'watcher'], args: ['--status-port', '0'] }),
  );
  const statusPort = Number(tracker.process.jsonEvents().find(({ event }) => event === 'listening')?.['statusPort']);
  const place = placeOf(tracker);
  const peers: HonestPeer[] = [];
  for (const user of users) {
    const peer = cleanUp.use(await HonestPeer.enter(place, user));
    peer.start(); // at once: the others' logins take longer than it may be silent
    peers.push(peer);
  }
  const watcher = cleanUp.use(await RawTcp.open(place));
  await watcher.ask(loginOf(userOf('watcher'), place.pin, { serving: false }));
  return { tracker, statusPort, watcher, peers };
}

/** What came of the heartbeats since `forget`, said on the screen too. */
function acknowledgedShare({ peers }: World, { sentPerSecond, judgedPerSecond, listed }: Flooded): number {
  const sum = (field: 'beats' | 'acknowledged' | 'fallbacks'): number =>
    peers.reduce((total, peer) => total + peer[field], 0);
  process.stdout.write(
    `      ${sentPerSecond} datagrams a second, ${judgedPerSecond} of them read: ${sum('acknowledged')} of ${sum('beats')} ` +
      `heartbeats acknowledged over UDP, ${sum('fallbacks')} over TCP, ${listed} of ${PEERS} peers always listed\n`,
  );
  return sum('acknowledged') / sum('beats');
}

describe('a flood of datagrams that mean nothing', function () {
  this.timeout(180_000);

  it('of half of what the tracker can read costs no heartbeat and evicts nobody', async () => {
    await using cleanUp = new AsyncDisposableStack();
    const world = await openWorld(cleanUp);
    const drain = await flood(world, 0, DRAIN_MS);
    for (const peer of world.peers) peer.forget();

    const flooded = await flood(world, Number(process.env['FLOOD_RATE'] ?? drain.judgedPerSecond / 2), FLOOD_MS);

    const share = acknowledgedShare(world, flooded);
    expect(drain.judgedPerSecond).to.be.greaterThan(0);
    expect(Math.min(drain.listed, flooded.listed)).to.equal(PEERS);
    if (flooded.judgedPerSecond >= KEPT_UP * flooded.sentPerSecond) expect(share).to.be.at.least(0.999);
  });

  it('as fast as one processor sends it evicts nobody', async () => {
    await using cleanUp = new AsyncDisposableStack();
    const world = await openWorld(cleanUp);
    for (const peer of world.peers) peer.forget();

    const flooded = await flood(world, 0, FLOOD_MS);

    acknowledgedShare(world, flooded);
    expect(flooded.listed).to.equal(PEERS);
  });
});

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
