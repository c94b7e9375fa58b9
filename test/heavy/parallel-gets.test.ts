import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { HEARTBEAT_MS } from '../../common/protocol/limits.js';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { transferOf } from '../e2e/json-results.js';
import { RawSession } from '../e2e/raw-session.js';
import { passwordOf, World } from '../e2e/world.js';
import { sameBytes } from '../support/temp.js';

const MIB = 1024 * 1024;
const GETS = 10;
/** Long enough for several heartbeats. */
const ROUNDS = 2;
const SIZE = 128 * MIB;
const LOOK_EVERY_MS = 200;
const PEERS = 2;

/** F38 of the fault catalogue, small. */
describe(`${GETS} gets at once by one peer`, function () {
  this.timeout(300_000);
  let world: World;

  beforeEach(async () => {
    world = await World.open({ users: ['alice', 'bob', 'observer'], ram: true, trackerArgs: ['--status-port', '0'] });
  });

  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('never make it or its source seem inactive, and all arrive whole', async () => {
    await world.serve('alice');
    const bob = await world.serve('bob');
    const names = Array.from({ length: GETS }, (_, index) => `file-${index}.bin`);
    for (const [index, name] of names.entries())
      await world.publish('alice', await world.file('alice', name, SIZE, index));
    await using observer = await Observer.start(world);

    const before = await heartbeats(world);
    const from = performance.now();
    let done: Awaited<ReturnType<typeof bob.run>>[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const name of names) await rm(join(world.place('bob').downloads, name), { force: true }); // it would give its chunks
      done = await Promise.all(names.map((name) => bob.run(['get', name, '--json'], { timeoutMs: 240_000 })));
    }
    const seconds = (performance.now() - from) / 1000;
    const beats = (await heartbeats(world)) - before;
    const flaps = await observer.stop();

    for (const [index, name] of names.entries()) {
      expect(transferOf(done[index]!).receivedBytes).to.equal(SIZE);
      expect(
        await sameBytes(join(world.place('alice').files, name), join(world.place('bob').downloads, name)),
      ).to.equal(true);
    }
    process.stdout.write(
      `      ${ROUNDS} × ${GETS} × ${SIZE / MIB} MiB in ${seconds.toFixed(1)} s (${((ROUNDS * GETS * SIZE) / MIB / seconds).toFixed(0)} MiB/s), ${observer.looks} looks, ${flaps.length} flaps, ${beats} heartbeats of two peers\n`,
    );
    // One that is due at either end of the time may fall outside it. None is missed: they come as often as without a transfer.
    expect(beats).to.be.at.least(PEERS * (Math.floor((seconds * 1_000) / HEARTBEAT_MS) - 1));
    expect(flaps).to.deep.equal([]);
  });
});

/** Heartbeats that the tracker has answered so far. The observer sends none: every request of it counts as one. */
async function heartbeats({ tracker }: World): Promise<number> {
  const listening = tracker.process.jsonEvents().find(({ event }) => event === 'listening');
  const text = await (await fetch(`http://127.0.0.1:${String(listening?.['statusPort'])}/metrics`)).text();
  const counts = text.matchAll(/^shoal_requests_total\{(?=[^}]*type="heartbeat")(?=[^}]*code="ok")[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Asks the tracker again and again who is active. */
class Observer implements AsyncDisposable {
  looks = 0;
  readonly #flaps: string[] = [];
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;

  private constructor(readonly session: RawSession) {
    this.#running = this.#run();
  }

  static async start(world: World): Promise<Observer> {
    const device = await loadOrCreateIdentity(world.path('observer.pem'), { commonName: 'test' });
    const { host, port, pin } = world.tracker;
    const login = { transport: 'tcp', user: 'observer', password: passwordOf('observer'), device } as const;
    return new Observer(await RawSession.open({ host, port, pin }, login));
  }

  async stop(): Promise<readonly string[]> {
    this.#stopped.abort();
    await this.#running;
    return this.#flaps;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.session[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const reply = await this.session.request('listPeers', {});
      const users = reply.ok ? reply.peers.map(({ user }) => user) : [];
      this.looks += 1;
      if (!users.includes('alice') || !users.includes('bob'))
        this.#flaps.push(`look ${this.looks}: only ${users.join(', ') || 'nobody'}`);
      await pause(LOOK_EVERY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined); // told to stop
    }
  }
}
