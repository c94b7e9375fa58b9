import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import type { Reply } from '../../common/protocol/messages.js';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { newId, RawSession, randomFileId } from '../e2e/raw-session.js';
import { passwordOf, World } from '../e2e/world.js';
import { integerBetween, type Random, randomFrom, seedFor, subSeed } from '../support/seed.js';

const USERS = Array.from({ length: 20 }, (_, index) => `user${index}`);
/** `npm run test:kills` asks for 1,000. */
const KILLS = Number(process.env['KILLS'] ?? 60);
const NAMES = 8;

/** F01 of the fault catalogue. */
describe('a tracker that is killed again and again under load', function () {
  this.timeout(Math.max(600_000, KILLS * 5_000));
  let world: World;

  beforeEach(async () => {
    world = await World.open({ users: USERS });
  });

  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  it(`keeps every acknowledged change of ${USERS.length} users through ${KILLS} kills, each applied exactly once, and invents none`, async () => {
    const seed = seedFor('killed-tracker');
    const random = randomFrom(seed);
    const users = await Promise.all(
      USERS.map((user, index) => LoadedUser.start(world, user, randomFrom(subSeed(seed, 'user', index)))),
    );
    const loads = users.map((user) => user.run());

    for (let kill = 0; kill < KILLS; kill += 1) {
      await pause(integerBetween(random, 20, 400)); // the random moment is what is tested
      await world.killTracker();
      await world.startTracker();
    }
    for (const user of users) user.isStopping = true;
    await Promise.all(loads);

    let changes = 0;
    for (const user of users) changes += await user.check();
    const repeated = users.reduce((sum, user) => sum + user.repeated, 0);
    process.stdout.write(`      ${changes} acknowledged changes, ${repeated} requests repeated over ${KILLS} kills\n`);
    expect(changes).to.be.above(KILLS);
  });
});

/** One user that publishes and withdraws without pause, repeats what the tracker did not answer, and notes what it acknowledged. */
class LoadedUser {
  isStopping = false;
  repeated = 0;
  #changes = 0;
  readonly #fileIdByName = new Map<string, string>();
  readonly #acks: string[] = [];

  private constructor(
    readonly session: RawSession,
    readonly random: Random,
  ) {}

  static async start(world: World, user: string, random: Random): Promise<LoadedUser> {
    const device = await loadOrCreateIdentity(world.path(`${user}.pem`), { commonName: 'test' });
    const { host, port, pin } = world.tracker;
    const session = await RawSession.open(
      { host, port, pin },
      { transport: 'tcp', user, password: passwordOf(user), device },
    );
    return new LoadedUser(session, random);
  }

  async run(): Promise<void> {
    while (!this.isStopping) await this.#changeSomething();
  }

  /** Compares with what the tracker lists. Returns how many changes were acknowledged. */
  async check(): Promise<number> {
    const reply = await this.#insist(() => this.session.request('listPublished', { limit: 1000 }));
    const listed = reply.ok ? Object.fromEntries(reply.publications.map(({ name, fileId }) => [name, fileId])) : reply;
    expect(listed, this.session.login.user).to.deep.equal(Object.fromEntries(this.#fileIdByName));
    await this.#insist(() => this.session.tryResume());
    expect(this.session.grant.libraryRevision, `${this.session.login.user}: each change once`).to.equal(this.#changes);
    this.session[Symbol.dispose]();
    return this.#changes;
  }

  async #changeSomething(): Promise<void> {
    const name = `file ${integerBetween(this.random, 1, NAMES)}`;
    const envelope = { id: newId(), acks: this.#acks.splice(0, 8) };
    if (this.#fileIdByName.has(name) && this.random() < 0.4) {
      const reply = await this.#insist(() => this.session.request('unpublish', { names: [name] }, envelope));
      expect(firstResult(reply), `unpublish ${name}`).to.include({ ok: true });
      this.#fileIdByName.delete(name);
    } else {
      const fileId = randomFileId();
      const entries = [{ name, fileId, size: 1, kind: 'file' as const, replace: true }];
      const reply = await this.#insist(() => this.session.request('publish', { entries }, envelope));
      expect(firstResult(reply), `publish ${name}`).to.include({
        ok: true,
        change: this.#fileIdByName.has(name) ? 'replaced' : 'new',
      });
      this.#fileIdByName.set(name, fileId);
    }
    this.#changes += 1;
    this.#acks.push(envelope.id);
  }

  /** The same request until it is answered, on a connection that is taken up anew each time it breaks. */
  async #insist<T extends { ok: boolean }>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const reply = await ask();
        if (!isPassing(reply)) return reply;
      } catch {
        this.repeated += 1; // the connection broke: the tracker may have applied it or not
      }
      await this.#comeBack();
    }
  }

  async #comeBack(): Promise<void> {
    for (;;) {
      await pause(25);
      try {
        const reply = await this.session.tryResume();
        if (reply.ok) return;
        if (!isPassing(reply)) throw new TypeError(`resume refused: ${reply.error.code}`);
      } catch (error) {
        if (error instanceof TypeError) throw error;
      }
    }
  }
}

function isPassing(reply: { ok: boolean; error?: { code: string } }): boolean {
  return !reply.ok && ['shutting-down', 'busy', 'internal', 'rate-limited'].includes(reply.error?.code ?? '');
}

function firstResult(reply: Reply<'publish'> | Reply<'unpublish'>): object {
  expect(reply.ok, JSON.stringify(reply)).to.equal(true);
  return reply.ok ? (reply.results[0] ?? {}) : {};
}
