import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { GuessLimits, MAX_TRIES_PER_HOUR } from '../../tracker/auth/guess-limits.js';
import { newDevice } from './raw-device.js';
import type { RawReply } from './raw-messages.js';
import { userOf } from './raw-messages.js';
import { QuickHasher, TestTracker } from './test-tracker.js';

const HOUR_MS = 3_600_000;

/** One wrong try; false when it was refused. */
function tries(limits: GuessLimits, user: string): boolean {
  try {
    limits.take(user)(false);
    return true;
  } catch {
    return false;
  }
}

describe('guess limits', () => {
  it('let at most 60 wrong tries an hour through, however many come', () => {
    const clock = new VirtualClock();
    const limits = new GuessLimits(clock);
    const wrong: number[] = [];
    for (let second = 0; second < 4 * 3_600; second += 1) {
      clock.advance(1_000);
      for (let many = 0; many < 3; many += 1) {
        if (tries(limits, 'alice')) wrong.push(clock.monotonic());
      }
    }

    const mostInOneHour = Math.max(
      ...wrong.map((start) => wrong.filter((time) => time >= start && time < start + HOUR_MS).length),
    );
    expect(mostInOneHour).to.be.at.most(MAX_TRIES_PER_HOUR);
    expect(wrong.length).to.be.greaterThan(3 * 30); // never a lock for good
  });

  it('count tries that are still being checked', () => {
    const limits = new GuessLimits(new VirtualClock());
    for (let index = 0; index < MAX_TRIES_PER_HOUR; index += 1) limits.take('alice');

    expect(() => limits.take('alice'))
      .to.throw()
      .with.property('code', 'rate-limited');
    expect(() => limits.take('bob')).not.to.throw();
  });

  it('say when to come back, and keep their word', () => {
    const clock = new VirtualClock();
    const limits = new GuessLimits(clock);
    for (let index = 0; index < 6; index += 1) {
      clock.advance(1_001);
      limits.take('alice')(false);
    }

    let retryAfterMs = 0;
    try {
      limits.take('alice');
    } catch (error) {
      retryAfterMs = (error as { retryAfterMs: number }).retryAfterMs;
    }
    expect(retryAfterMs).to.be.within(1, 60_000);
    clock.advance(retryAfterMs);
    expect(() => limits.take('alice')).not.to.throw();
  });

  it('do not count right passwords', () => {
    const limits = new GuessLimits(new VirtualClock());
    for (let index = 0; index < 10 * MAX_TRIES_PER_HOUR; index += 1) limits.take('alice')(true);
  });
});

describe('guessing passwords', () => {
  let tracker: TestTracker;
  let hasher: QuickHasher;
  let clock: VirtualClock;
  beforeEach(async () => {
    hasher = new QuickHasher();
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock, hasher });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  async function guess(user: string, device = newDevice()): Promise<RawReply> {
    const client = await tracker.tcp();
    const reply = await client.ask(tracker.login({ user, password: 'wrong', device }));
    await client[Symbol.asyncDispose]();
    return reply;
  }

  it('looks the same for known, unknown, disabled users: same reply but the id, same number of hashes', async () => {
    await tracker.addUser('gone');
    await tracker.store.changeAccount('gone', { kind: 'disable' }, 0);
    const shapes: string[] = [];
    for (const user of ['alice', 'nobody', 'gone']) {
      const before = hasher.verified;
      const reply = await guess(user);
      shapes.push(JSON.stringify({ ...reply, id: '', hashes: hasher.verified - before }));
    }

    expect(new Set(shapes).size).to.equal(1);
    expect(shapes[0]).to.contain('"code":"login-failed"').and.to.contain('"hashes":1');
  });

  it('refuses the right password of a disabled user in the same words', async () => {
    await tracker.store.changeAccount('alice', { kind: 'disable' }, 0);

    const reply = await (await tracker.tcp()).ask(tracker.login(userOf('alice')));

    expect(reply.error?.code).to.equal('login-failed');
  });

  for (const user of ['alice', 'nobody']) {
    it(`is limited for ${user}, from however many devices`, async () => {
      let reply = await guess(user);
      for (let tries = 0; reply.error?.code === 'login-failed' && tries < 100; tries += 1) reply = await guess(user);

      expect(reply.error).to.include({ code: 'rate-limited' });
      expect(reply.error?.retryAfterMs).to.be.greaterThan(0);
      expect(hasher.verified).to.be.at.most(MAX_TRIES_PER_HOUR);
    });
  }

  it('does not keep the owner out of a device that has logged in before', async () => {
    const alice = userOf('alice');
    await tracker.enterTcp(alice, { serving: false });
    for (let reply = await guess('alice'); reply.error?.code === 'login-failed'; ) reply = await guess('alice');

    const known = await (await tracker.tcp()).ask(tracker.login(alice, { serving: false }));
    const unknown = await (await tracker.tcp()).ask(tracker.login(userOf('alice'), { serving: false }));

    expect(known.ok).to.equal(true);
    expect(unknown.error?.code).to.equal('rate-limited');
  });

  it('does not count a retry of the same wrong attempt as another guess', async () => {
    const login = tracker.login({ ...userOf('alice'), password: 'wrong' });
    for (let times = 0; times < 20; times += 1) {
      const client = await tracker.tcp();
      expect((await client.ask(login)).error?.code).to.equal('login-failed');
    }

    expect(hasher.verified).to.equal(1);
  });
});
