/**
 * T20: datagrams that mean nothing, as many as can be sent. Up to a paced rate honest heartbeats are acknowledged; beyond what the tracker
 * can drain, nobody who falls back to TCP is evicted. `FLOOD_RATE` is the paced rate, datagrams a second.
 */
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { RawTcp, RawUdp } from '../tracker/raw-client.js';
import { loginOf, type RawGrant, request, resumeOf, userOf } from '../tracker/raw-messages.js';
import { grantOf } from '../tracker/test-tracker.js';
import { placeOf, startTrackerProcess } from '../tracker/tracker-process.js';

const PEERS = 30;
const FLOOD_MS = 15_000;
const PACED_RATE = Number(process.env['FLOOD_RATE'] ?? 20_000);
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

describe('a flood of datagrams that mean nothing', function () {
  this.timeout(180_000);

  for (const [name, rate] of [
    [`of ${PACED_RATE} a second`, PACED_RATE],
    ['as fast as one processor sends it', 0],
  ] as const) {
    it(`${name}: evicts nobody`, async () => {
      await using cleanUp = new AsyncDisposableStack();
      const users = Array.from({ length: PEERS }, (_, index) => `peer${index}`);
      const tracker = cleanUp.use(
        await startTrackerProcess({ users: [...users, 'watcher'], args: ['--status-port', '0'] }),
      );
      const place = placeOf(tracker);
      const peers: HonestPeer[] = [];
      for (const user of users) {
        const peer = cleanUp.use(await HonestPeer.enter(place, user));
        peer.start(); // at once: the others' logins take longer than it may be silent
        peers.push(peer);
      }
      const watcher = cleanUp.use(await RawTcp.open(place));
      await watcher.ask(loginOf(userOf('watcher'), place.pin, { serving: false }));
      for (const peer of peers) peer.forget();

      const flood = new Flood(tracker.port, rate);
      const until = performance.now() + FLOOD_MS;
      const listed: number[] = [];
      while (performance.now() < until) {
        listed.push((await watcher.ask(request('listPeers')))['peers'].length);
        await wait(500);
      }
      const perSecond = await flood.stop();

      const sum = (field: 'beats' | 'acknowledged' | 'fallbacks'): number =>
        peers.reduce((total, peer) => total + peer[field], 0);
      process.stdout.write(
        `      ${perSecond} datagrams a second: ${sum('acknowledged')} of ${sum('beats')} heartbeats acknowledged over UDP, ` +
          `${sum('fallbacks')} over TCP, ${Math.min(...listed)} of ${PEERS} peers always listed\n`,
      );
      expect(listed.every((count) => count === PEERS)).to.equal(true);
      if (rate > 0) expect(sum('acknowledged') / sum('beats')).to.be.at.least(0.999);
    });
  }
});

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
