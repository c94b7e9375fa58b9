import { expect } from 'chai';
import { HEARTBEAT_MS, MISSED_INTERVALS } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp, RawUdp } from './raw-client.js';
import { publishOf, request, resumeOf, userOf } from './raw-messages.js';
import { grantOf, TestTracker } from './test-tracker.js';

const EXPIRY_MS = MISSED_INTERVALS * HEARTBEAT_MS;

describe('sessions', () => {
  let tracker: TestTracker;
  let clock: VirtualClock;
  beforeEach(async () => {
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const peersSeenBy = async (client: RawTcp | RawUdp): Promise<string[]> =>
    ((await client.ask(request('listPeers')))['peers'] as { user: string }[]).map(({ user }) => user);

  describe('login', () => {
    it('gives the same session to the same attempt, over UDP and over TCP', async () => {
      const login = tracker.login(userOf('alice'));
      const udp = await tracker.udp();

      const [first, second] = await Promise.all([
        udp.login(login),
        (await tracker.tcp()).ask({ ...login, id: 'other' }),
      ]);
      const third = await (await tracker.tcp()).ask(login);

      for (const reply of [second, third])
        expect(grantOf(reply)).to.include({ session: grantOf(first).session, accessKey: grantOf(first).accessKey });
    });

    it('refuses a second serving session of an active user, and counts it as no wrong password', async () => {
      await tracker.enterTcp('alice');

      const reply = await (await tracker.tcp()).ask(tracker.login(userOf('alice')));

      expect(reply.error?.code).to.equal('already-active');
    });

    it('lets a user have several sessions that do not serve, unlisted', async () => {
      const { client: bob } = await tracker.enterTcp('bob');
      await tracker.enterTcp('alice', { serving: false });
      await tracker.enterTcp('alice', { serving: false });

      expect(await peersSeenBy(bob)).to.deep.equal([]);
    });

    it('lets exactly one of two win who log in at once', async () => {
      for (let round = 0; round < 20; round += 1) {
        const user = `racer${round}`;
        await tracker.addUser(user);
        const clients = await Promise.all([tracker.tcp(), tracker.udp()]);
        const [tcp, udp] = clients;

        const replies = await Promise.all([
          tcp.ask(tracker.login(userOf(user))),
          udp.login(tracker.login(userOf(user))),
        ]);

        expect(replies.filter(({ ok }) => ok)).to.have.length(1);
        expect(replies.find(({ ok }) => !ok)?.error?.code).to.equal('already-active');
      }
    });

    it('refuses a device that cannot prove its key as if the password were wrong', async () => {
      const login = tracker.login(userOf('alice'));

      const reply = await (await tracker.tcp()).ask({ ...login, attempt: Buffer.alloc(16, 9).toString('base64url') });

      expect(reply.error?.code).to.equal('login-failed');
    });
  });

  describe('resume', () => {
    it('brings a crashed peer back at once, where a login would have to wait', async () => {
      const { grant } = await tracker.enterTcp('alice');

      const again = await (await tracker.tcp()).ask(resumeOf(grant));

      expect(grantOf(again)).to.include({ session: grant.session, user: 'alice' });
      expect(grantOf(again).accessKey).not.to.equal(grant.accessKey);
    });

    it('gives the same keys to the same attempt', async () => {
      const { grant } = await tracker.enterTcp('alice');
      const resume = resumeOf(grant);
      const udp = await tracker.udp();

      const replies = [await (await tracker.tcp()).ask(resume), await udp.resume(resume, grant.resumeKey)];

      expect(grantOf(replies[1]!).accessKey).to.equal(grantOf(replies[0]!).accessKey);
    });

    it('is worth nothing without the resume key', async () => {
      const { grant } = await tracker.enterTcp('alice');
      const forged = { ...grant, resumeKey: Buffer.alloc(32).toString('base64url') };

      expect((await (await tracker.tcp()).ask(resumeOf(forged))).error?.code).to.equal('bad-token');
    });

    it('answers a refused token over UDP with a hint that echoes the salt, and nothing else', async () => {
      const udp = await tracker.udp();
      const cookie = await udp.cookie();
      udp.received.length = 0;
      const resume = {
        ...resumeOf({ resumeToken: `gAAAAA${'A'.repeat(94)}`, resumeKey: Buffer.alloc(32).toString('base64url') }),
      };

      void udp.resume(resume, Buffer.alloc(32).toString('base64url'), cookie).catch(() => undefined);
      const [hint] = await waitFor(() => udp.received.length > 0 && udp.received);

      expect([...hint!.subarray(0, 3)]).to.deep.equal([1, 0x85, 2]);
      expect(hint).to.have.length(19);
    });

    it('works after a restart of the tracker with no password', async () => {
      const { client, grant } = await tracker.enterTcp('alice');
      await client.ask(publishOf('a.bin'));
      await tracker.close();
      await tracker.open();
      const udp = await tracker.udp();

      const again = grantOf(await udp.resume(resumeOf(grant, { libraryRevision: 1 }), grant.resumeKey));
      const { client: bob } = await tracker.enterTcp('bob');

      expect(again).to.include({ session: grant.session, live: true });
      expect((await bob.ask(request('search', { text: 'a.bin' })))['publications']).to.have.length(1);
    });

    it('with fork opens another session beside it', async () => {
      const { client, grant } = await tracker.enterTcp('alice');

      const fork = grantOf(await (await tracker.tcp()).ask(resumeOf(grant, { serving: false, fork: true })));

      expect(fork.session).not.to.equal(grant.session);
      expect((await client.ask(request('heartbeat'))).ok).to.equal(true);
      expect(grantOf(await (await tracker.tcp()).ask(resumeOf(fork, { serving: false }))).session).to.equal(
        fork.session,
      );
    });

    it('kills the old access key', async () => {
      const { client, grant } = await tracker.enterUdp('alice');
      const again = await tracker.udp();
      const fresh = grantOf(await again.resume(resumeOf(grant), grant.resumeKey));
      client.received.length = 0;

      client.send(client.seal(request('heartbeat')));
      again.use(fresh);
      await again.ask(request('heartbeat'));

      expect(client.received).to.deep.equal([]);
    });
  });

  describe('presence', () => {
    it('lasts three intervals after the last request, and not a millisecond longer', async () => {
      const { client: bob } = await tracker.enterTcp('bob');
      await tracker.enterTcp('alice');

      clock.advance(EXPIRY_MS);
      expect(await peersSeenBy(bob)).to.deep.equal(['alice']);
      clock.advance(1);
      expect(await peersSeenBy(bob)).to.deep.equal([]);
    });

    it('comes back with any request', async () => {
      const { client: bob } = await tracker.enterTcp('bob');
      const { client: alice } = await tracker.enterUdp('alice');
      await alice.ask(publishOf('a.bin'));
      clock.advance(EXPIRY_MS + 1);
      expect((await bob.ask(request('search', { text: 'a.bin' })))['publications']).to.deep.equal([]);

      await alice.ask(request('heartbeat'));

      expect(await peersSeenBy(bob)).to.deep.equal(['alice']);
      expect((await bob.ask(request('search', { text: 'a.bin' })))['publications']).to.have.length(1);
    });

    it('frees the user for another login when it has ended, and the old session must come back by its token', async () => {
      const { client: old, grant } = await tracker.enterUdp('alice');
      clock.advance(EXPIRY_MS + 1);

      const reply = await (await tracker.tcp()).ask(tracker.login(userOf('alice')));
      old.received.length = 0;
      old.send(old.seal(request('heartbeat')));
      const [hint] = await waitFor(() => old.received.length > 0 && old.received);

      expect(reply.ok).to.equal(true);
      expect([...hint!.subarray(0, 3)]).to.deep.equal([1, 0x85, 1]);
      expect(hint!.subarray(3).toString('base64url')).to.equal(grant.session);
      expect((await (await tracker.tcp()).ask(resumeOf(grant))).error?.code).to.equal('already-active');
    });

    it('does not end because the wall clock jumps', async () => {
      const { client: bob } = await tracker.enterTcp('bob');
      await tracker.enterTcp('alice');

      for (const hours of [1, -24, 24]) {
        clock.jumpWall(hours * 3_600_000);
        expect(await peersSeenBy(bob)).to.deep.equal(['alice']);
      }
    });
  });

  it('says goodbye to its sessions, over the transport they use', async () => {
    const { client: alice } = await tracker.enterUdp('alice');
    const { client: bob } = await tracker.enterTcp('bob');

    await tracker.tracker.stop();

    expect((await alice.event('shutting-down'))['eventId']).to.be.a('string');
    expect((await bob.event('shutting-down'))['eventId']).to.be.a('string');
    await bob.closed();
  });

  it('sends an event again until it was seen', async () => {
    const { client: alice } = await tracker.enterUdp('alice');
    const shown = (): number => alice.messages.filter(({ event }) => event === 'revoked').length;
    tracker.tracker.registry.broadcast({ event: 'revoked', epoch: 5 });
    await waitFor(() => shown() === 1);
    clock.advance(250);
    await waitFor(() => shown() === 2);
    clock.advance(500);
    await waitFor(() => shown() === 3);

    const { eventId } = await alice.event('revoked');
    await alice.ask(request('heartbeat', { seen: [eventId] }));
    clock.advance(5_000);
    await alice.ask(request('heartbeat'));

    expect(shown()).to.equal(3);
  });

  for (const change of [
    { kind: 'disable' },
    { kind: 'remove' },
    { kind: 'password', passwordHash: 'other' },
  ] as const) {
    it(`ends the sessions of a user on ${change.kind}, says so, and tells the others`, async () => {
      const { client: alice, grant } = await tracker.enterTcp('alice');
      const { client: bob } = await tracker.enterTcp('bob');

      await tracker.store.changeAccount('alice', change, Math.floor(clock.now()));
      clock.advance(200);

      expect((await alice.event('ended'))['error']?.code).to.equal('session-ended');
      expect((await bob.event('revoked'))['epoch']).to.equal(1);
      expect((await alice.ask(request('listPeers'))).error?.code).to.equal('session-ended');
      expect(await peersSeenBy(bob)).to.deep.equal([]);
      expect((await bob.ask(request('heartbeat')))['epoch']).to.equal(1);
      expect((await bob.ask(request('revocations', { since: 0 })))['revocations'][0]).to.include({
        kind: 'user',
        subject: 'alice',
      });
      expect((await (await tracker.tcp()).ask(resumeOf(grant))).error?.code).to.equal('bad-token');
    });
  }
});
