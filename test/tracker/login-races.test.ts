import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { Store } from '../../tracker/store/store.js';
import { waitFor } from '../support/wait-for.js';
import { request, userOf } from './raw-messages.js';
import { QuickHasher, TestTracker } from './test-tracker.js';

/** Answers when it is told to: as a queue of hashes that others have filled. */
class SlowHasher extends QuickHasher {
  readonly #gate = Promise.withResolvers<void>();
  open(): void {
    this.#gate.resolve();
  }
  override async verify(password: string, phc: string): Promise<boolean> {
    const result = await super.verify(password, phc);
    await this.#gate.promise;
    return result;
  }
}

describe('a login whose account changes while its password is checked', () => {
  let tracker: TestTracker;
  let hasher: SlowHasher;
  let clock: VirtualClock;
  beforeEach(async () => {
    clock = new VirtualClock();
    hasher = new SlowHasher();
    tracker = await TestTracker.start({ clock, hasher });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  for (const change of [
    { kind: 'disable' },
    { kind: 'remove' },
    { kind: 'password', passwordHash: 'other' },
  ] as const) {
    it(`fails on ${change.kind}, and leaves no session`, async () => {
      const client = await tracker.tcp();
      const login = tracker.login(userOf('bob'));
      client.write(`${JSON.stringify(login)}\n`);
      await waitFor(() => hasher.verified === 1);
      await tracker.store.changeAccount('bob', change, Math.floor(clock.now()));
      clock.advance(200);
      await waitFor(() => tracker.tracker.registry.epoch === 1); // the tracker has ended all sessions that there were

      hasher.open();

      expect((await client.reply(login.id)).error?.code).to.equal('login-failed');
      expect((await client.ask(request('heartbeat'))).error?.code).to.equal('not-logged-in');
      expect(tracker.tracker.registry.sessionsOf('bob')).to.deep.equal([]);
    });
  }

  it('succeeds when another account changed', async () => {
    const client = await tracker.tcp();
    const login = tracker.login(userOf('bob'));
    client.write(`${JSON.stringify(login)}\n`);
    await waitFor(() => hasher.verified === 1);
    await tracker.store.changeAccount('alice', { kind: 'disable' }, Math.floor(clock.now()));

    hasher.open();

    expect((await client.reply(login.id)).ok).to.equal(true);
  });
});

describe('a ban that comes while a login is being written down', () => {
  const clock = new VirtualClock();
  let tracker: TestTracker;
  let ban: (() => Promise<void>) | undefined;
  beforeEach(async () => {
    ban = undefined;
    const wrapStore = (store: Store): Store => ({
      ...store,
      async recordLogin(login) {
        await store.recordLogin(login);
        await ban?.();
      },
    });
    tracker = await TestTracker.start({ clock, wrapStore });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  for (const [kind, subject] of [
    ['user', 'bob'],
    ['network', '127.0.0.0/8'],
  ] as const) {
    it(`of a ${kind} leaves no session`, async () => {
      await tracker.enterTcp('bob', { serving: false });
      const client = await tracker.tcp();
      const sessions = () => tracker.tracker.registry.sessionsOf('bob');
      ban = async () => {
        await tracker.store.changePolicy({ do: 'ban', kind, subject }, { at: 1, kind: 'admin', user: 'root' });
        clock.advance(250);
        await waitFor(() => sessions().every(({ isEnded }) => isEnded), { what: 'the end of the sessions there are' });
      };

      const reply = await client.ask(tracker.login(userOf('bob')));

      expect(reply.error?.code).to.equal('banned');
      expect(sessions().filter(({ isEnded }) => !isEnded)).to.deep.equal([]);
    });
  }
});
