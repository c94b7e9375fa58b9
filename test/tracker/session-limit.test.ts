import { expect } from 'chai';
import { HEARTBEAT_MS, MAX_SESSIONS_PER_USER } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { Registry } from '../../tracker/registry/registry.js';
import { Session } from '../../tracker/registry/session.js';
import { waitFor } from '../support/wait-for.js';
import { request, resumeOf, userOf } from './raw-messages.js';
import { grantOf, TestTracker } from './test-tracker.js';

describe('how many sessions one user may have', () => {
  let tracker: TestTracker;
  let clock: VirtualClock;
  beforeEach(async () => {
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  it(`is ${MAX_SESSIONS_PER_USER}, forks included: the longest silent make way, never who serves, and nobody else's`, async () => {
    const { client: bob } = await tracker.enterTcp('bob', { serving: false });
    const { client: alice, grant } = await tracker.enterTcp('alice');
    const opener = await tracker.udp();
    const cookie = await opener.cookie();
    const fork = async () =>
      grantOf(
        await opener.resume(
          resumeOf(grant, { serving: false, fork: true, filePort: undefined }),
          grant.resumeKey,
          cookie,
        ),
      );

    const first = await fork();
    for (let count = 0; count < MAX_SESSIONS_PER_USER + 10; count += 1) {
      clock.advance(1);
      await fork();
    }
    const last = await fork();

    expect(tracker.tracker.registry.sessionsOf('alice')).to.have.length(MAX_SESSIONS_PER_USER);
    expect((await alice.ask(request('heartbeat'))).ok).to.equal(true);
    expect((await bob.ask(request('heartbeat'))).ok).to.equal(true);
    expect((await opener.use(last).ask(request('heartbeat'))).ok).to.equal(true);
    const silent = (await tracker.udp()).use(first);
    silent.send(silent.seal(request('heartbeat')));
    const [hint] = await waitFor(() => silent.received.length > 0 && silent.received);
    expect([...hint!.subarray(0, 3)]).to.deep.equal([1, 0x85, 1]);
  });

  it('is not passed by playing back the datagram that opened a session which was dropped', async () => {
    const { grant } = await tracker.enterTcp('alice');
    const opener = await tracker.udp();
    const cookie = await opener.cookie();
    const first = resumeOf(grant, { serving: false, fork: true });
    const { session } = grantOf(await opener.resume(first, grant.resumeKey, cookie));
    for (let count = 0; count < MAX_SESSIONS_PER_USER; count += 1)
      await opener.resume(resumeOf(grant, { serving: false, fork: true }), grant.resumeKey, cookie);

    const again = await (await tracker.tcp()).ask(first);

    expect(again.error?.code).to.equal('session-ended');
    expect(tracker.tracker.registry.find(session)).to.equal(undefined);
    expect(tracker.tracker.registry.sessionsOf('alice')).to.have.length(MAX_SESSIONS_PER_USER);
  });

  it('lets the old attempt of a session that was resumed since take nothing back', async () => {
    const { grant } = await tracker.enterTcp('alice');
    const old = resumeOf(grant);
    await (await tracker.tcp()).ask(old);
    const client = await tracker.tcp();
    await client.ask(resumeOf(grant));

    const played = await (await tracker.tcp()).ask(old);

    expect(played.error?.code).to.equal('session-ended');
    expect((await client.ask(request('heartbeat'))).ok).to.equal(true);
  });

  it('counts logins too', async () => {
    const alice = userOf('alice');
    for (let count = 0; count < MAX_SESSIONS_PER_USER + 5; count += 1)
      await tracker.enterUdp(alice, { serving: false, filePort: undefined });

    expect(tracker.tracker.registry.sessionsOf('ALICE')).to.have.length(MAX_SESSIONS_PER_USER);
  });
});

describe('the registry', () => {
  let registry: Registry;
  let clock: VirtualClock;
  beforeEach(() => {
    clock = new VirtualClock();
    registry = new Registry({ setLive: async () => undefined }, clock);
  });
  afterEach(() => registry.stop());

  let lastId = 0;
  function enter(user: string, isServing: boolean): Session {
    const id = Buffer.alloc(16);
    id.writeUInt32BE((lastId += 1));
    const observed = { host: '127.0.0.1', port: 5 };
    const session = new Session({ id, user, device: `device of ${user}`, generation: 1, observed, clock });
    registry.enter(session, { isServing, filePort: 1, lan: [], advertise: undefined });
    return session;
  }

  it('lets serving peers alone slow the heartbeats down', () => {
    for (let index = 0; index < 10_000; index += 1) enter(`asks${index}`, false);
    expect(registry.heartbeatMs()).to.equal(HEARTBEAT_MS);

    for (let index = 0; index < 20_000; index += 1) enter(`serves${index}`, true);
    expect(registry.heartbeatMs()).to.equal(2 * HEARTBEAT_MS);
  });

  it('counts a peer that serves no longer as one that asks', () => {
    const sessions = Array.from({ length: 20_000 }, (_, index) => enter(`user${index}`, true));
    for (const session of sessions)
      registry.enter(session, { isServing: false, filePort: undefined, lan: [], advertise: undefined });

    expect(registry.heartbeatMs()).to.equal(HEARTBEAT_MS);
  });

  it('notes who stays active every ten minutes, and everybody who leaves at once', () => {
    const staying = enter('alice', true);
    const leaving = enter('bob', true);
    const minutes = Array.from({ length: 21 }, (_, minute) => {
      const users = registry.takeSeen().map(({ user }) => user);
      clock.advance(60_000);
      registry.touch(staying);
      if (minute < 4) registry.touch(leaving);
      return users.join(' ');
    });

    const [first, tenth, twentieth] = [minutes[0], minutes[10], minutes[20]];
    expect([first, tenth, twentieth]).to.deep.equal(['alice bob', 'alice', 'alice']);
    expect(minutes.filter((users) => users !== '')).to.deep.equal(['alice bob', 'bob', 'alice', 'alice']);
  });

  it('notes a device that comes and goes a thousand times once', () => {
    const session = enter('alice', true);
    for (let times = 0; times < 1_000; times += 1)
      registry.enter(session, { isServing: times % 2 === 1, filePort: 1, lan: [], advertise: undefined });

    expect(registry.takeSeen()).to.deep.equal([
      { user: 'alice', device: 'device of alice' },
      { user: 'alice', device: 'device of alice' },
    ]);
  });
});
