/** A disk on which no room can be kept for removals: what is left is for them from the start. */
import { mkdir, rm } from 'node:fs/promises';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { RawTcp } from './raw-client.js';
import { publishOf, type RawReply, request, resumeOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

describe('a tracker on a full disk', () => {
  let clock: VirtualClock;
  let tracker: TestTracker;
  beforeEach(async () => {
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock, users: ['alice', 'bob', 'root'] });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  async function startOnFullDisk(): Promise<void> {
    await tracker.close();
    await rm(`${tracker.storePath}-reserve`);
    await mkdir(`${tracker.storePath}-reserve`); // nothing can be written there
    await tracker.open();
  }
  const enter = async (user: string): Promise<RawTcp> => (await tracker.enterTcp(user, { serving: false })).client;
  const namesSeenBy = async (client: RawTcp): Promise<string[]> => {
    const { publications } = await client.ask(request('search', { text: '', all: true }));
    return (publications as { name: string }[]).map(({ name }) => name);
  };

  it('starts and answers; what has expired is gone', async () => {
    const alice = await enter('alice');
    await alice.ask({ ...publishOf('offer.txt'), terms: { expiresAt: Math.floor(clock.now()) + 60_000 } });
    await alice.ask(publishOf('plan.txt'));
    clock.advance(120_000);

    await startOnFullDisk();

    expect(await namesSeenBy(await enter('bob'))).to.deep.equal(['plan.txt']);
    expect((await (await enter('alice')).ask(publishOf('more.txt'))).error?.code).to.equal('storage');
  });

  it('ends sessions for good, and does what an administrator takes away, with a row in the audit', async () => {
    await tracker.grantAdmin('root');
    await startOnFullDisk();
    const { client: alice, grant } = await tracker.enterTcp('alice', { serving: false });
    const root = await enter('root');
    const asRoot = (action: object): Promise<RawReply> => root.ask(request('admin', { action }));

    expect((await alice.ask(request('logout'))).ok).to.equal(true);
    expect((await asRoot({ do: 'depot', user: 'bob', appointed: false })).ok).to.equal(true);
    expect((await asRoot({ do: 'user', user: 'bob', change: 'disable' })).ok).to.equal(true);

    expect((await (await tracker.tcp()).ask(resumeOf(grant))).error?.code).to.equal('bad-token');
    const done = await tracker.store.listAudit({ kind: 'admin', limit: 2 });
    expect(done.map(({ subject, detail }) => `${subject} ${detail}`)).to.deep.equal(['bob disable', 'bob dismiss']);
  });
});
