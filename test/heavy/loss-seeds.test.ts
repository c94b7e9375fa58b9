import { expect } from 'chai';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { expectExactlyOnce, runMutations } from '../e2e/lossy-mutations.js';
import { RawSession, type Transport } from '../e2e/raw-session.js';
import { passwordOf, World } from '../e2e/world.js';
import { startUdpProxy } from '../support/faultnet.js';
import { seedFor, subSeed } from '../support/seed.js';

const SEEDS = 100;
const AT_ONCE = 10;
const MUTATIONS = 60;
const USERS = Array.from({ length: SEEDS }, (_, index) => `user${index}`);
/** Each seed meets one of these networks; all lose, double and reorder. */
const NETWORKS = [
  { loss: 0.01, duplicate: 0.1, reorder: 0.25 },
  { loss: 0.05, duplicate: 0.1, reorder: 0.25, corrupt: 0.01 },
  { loss: 0.2, duplicate: 0.1, reorder: 0.25 },
  { loss: 0.2, duplicate: 0.1, reorder: 0.25, corrupt: 0.01, truncate: 0.01, delayMs: [0, 100] as const },
];

/** F23 of the fault catalogue, at up to 20 % loss. */
describe(`${SEEDS} bad networks`, function () {
  this.timeout(600_000);
  let world: World;
  let devices: Identity[];

  before(async () => {
    world = await World.open({ users: USERS });
    devices = await Promise.all(
      USERS.map((user) => loadOrCreateIdentity(world.path(`${user}.pem`), { commonName: 'test' })),
    );
  });

  after(async () => {
    await world[Symbol.asyncDispose]();
  });

  it(`apply ${MUTATIONS} mutations each exactly once`, async () => {
    const seed = seedFor('loss-seeds');
    const left = USERS.map((_, index) => index);
    const losses: number[] = [];
    const worker = async (): Promise<void> => {
      for (let index = left.shift(); index !== undefined; index = left.shift())
        losses.push(await oneSeed(index, subSeed(seed, index)));
    };

    await Promise.all(Array.from({ length: AT_ONCE }, worker));

    const lost = losses.reduce((sum, one) => sum + one, 0);
    process.stdout.write(`      ${SEEDS} seeds, ${SEEDS * MUTATIONS} mutations, ${lost} datagrams lost\n`);
    expect(lost).to.be.above(SEEDS);
  });

  /** Returns how many datagrams were lost. */
  async function oneSeed(index: number, seed: number): Promise<number> {
    const { host, port } = world.tracker;
    const faults = NETWORKS[index % NETWORKS.length];
    await using proxy = await startUdpProxy({ target: { host, port }, seed, ...faults });
    try {
      using session = await open(index, 'udp', proxy.port);
      const run = await runMutations(session, { count: MUTATIONS, lanes: 6, seed });
      using clean = await open(index, 'tcp', port);
      await expectExactlyOnce(clean, run);
    } catch (error) {
      throw new Error(`seed ${seed} (user${index}): ${(error as Error).message}`, { cause: error });
    }
    return proxy.counters.toTarget.dropped + proxy.counters.toClient.dropped;
  }

  function open(index: number, transport: Transport, port: number): Promise<RawSession> {
    const user = USERS[index] ?? '';
    const target = { host: world.tracker.host, port, pin: world.tracker.pin };
    return RawSession.open(target, { transport, user, password: passwordOf(user), device: devices[index]! });
  }
});
