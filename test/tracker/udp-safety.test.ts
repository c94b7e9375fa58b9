import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualClock } from '../../common/runtime/clock.js';
import { encodeHello } from '../../common/wire/datagrams.js';
import { seedFor } from '../support/seed.js';
import { waitFor } from '../support/wait-for.js';
import { RawUdp } from './raw-client.js';
import { publishOf, request, resumeOf, userOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

describe('the UDP port', () => {
  let tracker: TestTracker;
  let clock: VirtualClock;
  beforeEach(async () => {
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const dropped = (): number => Object.values(tracker.tracker.udp.drops).reduce((sum, count) => sum + count, 0);

  /** Waits until the tracker has looked at everything that was sent: a hello from another address is answered after it. */
  async function settled(): Promise<void> {
    await using other = await RawUdp.open(tracker.place, '127.0.0.99');
    await other.cookie();
  }

  it('never answers an unproven sender with more than it sent, whatever it sends', async () => {
    const { client: alice } = await tracker.enterUdp('alice');
    const foreign = alice.seal(request('heartbeat'));
    const anyDatagram = fc.oneof(
      fc.uint8Array({ maxLength: 1_300 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.constantFrom(1, 2, 3, 4, 0x81, 0x82, 0x83, 0x84, 0x85), fc.uint8Array({ maxLength: 1_198 }))
        .map(([kind, rest]) => Buffer.from([1, kind, ...rest])),
      fc
        .tuple(fc.constantFrom(1, 2, 3, 4), fc.constant(1_200))
        .map(([kind, size]) => Buffer.concat([Buffer.from([1, kind]), randomBytes(size - 2)])),
      fc.constant(encodeHello(randomBytes(16))),
      fc.constant(foreign),
      fc.integer({ min: 1, max: 300 }).map((size) => encodeHello(randomBytes(16)).subarray(0, size)),
    );
    await using stranger = await tracker.udp();

    for (const datagram of fc.sample(anyDatagram, { numRuns: 400, seed: seedFor('amplification') }))
      stranger.send(datagram);
    stranger.send(foreign);
    await settled();

    expect(stranger.receivedBytes).to.be.at.most(stranger.sentBytes);
    expect(stranger.received.every((reply) => reply.length <= 1_200)).to.equal(true);
    expect(dropped()).to.be.greaterThan(100);
    expect((await alice.ask(request('heartbeat'))).ok).to.equal(true);
  });

  it('answers each kind with no more bytes than it had', async () => {
    const kinds = [
      encodeHello(randomBytes(16)),
      ...[2, 3, 4].map((kind) => Buffer.concat([Buffer.from([1, kind]), randomBytes(1_198)])),
    ];
    for (const datagram of kinds) {
      await using stranger = await tracker.udp();
      stranger.send(datagram);
      await settled();
      expect(stranger.receivedBytes).to.be.at.most(datagram.length);
    }
  });

  it('takes a cookie only from the address and port it was made for', async () => {
    const [mine, other] = [await tracker.udp(), await tracker.udp('127.0.0.2')];
    const cookie = await mine.cookie();

    void other.login(tracker.login(userOf('alice')), cookie).catch(() => undefined);
    await waitFor(() => tracker.tracker.udp.drops.badCookie === 1);

    expect(other.received).to.deep.equal([]);
  });

  it('accepts no datagram with a flipped bit, and answers none', async () => {
    const { client } = await tracker.enterUdp('alice');
    const mallory = await tracker.udp();
    await client.ask(publishOf('kept.bin'));
    const datagram = client.seal(request('unpublish', { names: ['kept.bin'] }));

    for (let bit = 0; bit < datagram.length * 8; bit += 1) {
      const flipped = Buffer.from(datagram);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      mallory.send(flipped);
      if (bit % 100 === 99) await settled();
    }
    await settled();

    // A flipped session id is nobody's: it may be told so, with less than it sent.
    expect(mallory.received.every((reply) => reply[1] === 0x85 && reply.length < datagram.length)).to.equal(true);
    expect((await client.ask(request('listPublished')))['publications']).to.have.length(1);
  });

  it('is not changed by a capture that is played back, neither now nor later nor after a restart', async () => {
    const alice = await tracker.udp();
    const sent: Buffer[] = [];
    const send = alice.send.bind(alice);
    alice.send = (datagram) => {
      sent.push(Buffer.from(datagram));
      send(datagram);
    };
    const grant = (await alice.login(tracker.login(userOf('alice')))) as never as Parameters<RawUdp['use']>[0] & {
      resumeToken: string;
      resumeKey: string;
    };
    alice.use(grant);
    await alice.ask(publishOf('a.bin'));
    await alice.ask(request('unpublish', { names: ['a.bin'] }));
    await alice.ask(publishOf('b.bin'));
    await alice.resume(resumeOf(grant), grant.resumeKey);
    const playBack = async (): Promise<void> => {
      for (const datagram of sent) send(datagram);
      await settled();
    };
    const state = async (): Promise<string> => {
      const { client } = await tracker.enterTcp('bob', { serving: false });
      const [peers, found] = [
        await client.ask(request('listPeers')),
        await client.ask(request('search', { text: '', all: true })),
      ];
      return JSON.stringify([
        peers['peers'].map(({ user }: { user: string }) => user),
        found['publications'].map(({ name, revision }: { name: string; revision: number }) => [name, revision]),
      ]);
    };
    const before = await state();

    await playBack();
    await playBack();
    expect(await state()).to.equal(before);

    clock.advance(6_001);
    const silent = await state();
    expect(silent).not.to.equal(before);
    await playBack();
    expect(await state()).to.equal(silent);

    await tracker.close();
    await tracker.open();
    await playBack();
    expect(await state()).to.equal(silent);
  });

  it('answers a session at a new address with a challenge alone, until that address has proven itself', async () => {
    const { client, grant } = await tracker.enterUdp('alice');
    await client.ask(publishOf('a.bin'));
    const moved = await tracker.udp('127.0.0.3');
    moved.keys = client.keys;

    const unpublish = request('unpublish', { names: ['a.bin'] });
    const first = moved.seal(unpublish);
    moved.send(first);
    const { challenge } = await moved.event('challenge');
    expect(moved.receivedBytes).to.be.at.most(first.length);
    moved.send(moved.seal(request('path', { challenge: randomBytes(16).toString('base64url') })));
    await settled();
    expect(moved.messages.every(({ event }) => event === 'challenge')).to.equal(true);
    expect((await client.ask(request('listPublished')))['publications']).to.have.length(1);

    const path = request('path', { challenge });
    expect(await moved.ask(path)).to.include({ ok: true });
    expect((await moved.ask(unpublish)).ok).to.equal(true);
    expect(grant.session).to.be.a('string');
  });

  it('does not take a challenge of another address', async () => {
    const { client } = await tracker.enterUdp('alice');
    const [here, there] = [await tracker.udp('127.0.0.3'), await tracker.udp('127.0.0.4')];
    here.keys = client.keys;
    there.keys = client.keys;
    here.send(here.seal(request('heartbeat')));
    const { challenge } = await here.event('challenge');

    there.send(there.seal(request('path', { challenge })));
    await there.event('challenge');

    expect(there.messages.some(({ ok }) => ok === true)).to.equal(false);
  });

  it('is silent to a datagram too short for a challenge', async () => {
    const { client } = await tracker.enterUdp('alice');
    const moved = await tracker.udp('127.0.0.3');
    moved.keys = client.keys;

    moved.send(moved.keys!.sealer.seal(Buffer.from(JSON.stringify({ v: 1, id: 'a', type: 'heartbeat' }))));
    await settled();

    expect(moved.received).to.deep.equal([]);
  });

  it('lets a session that began over TCP speak UDP after a challenge', async () => {
    const { grant } = await tracker.enterTcp('alice');
    const udp = (await tracker.udp()).use(grant);
    udp.send(udp.seal(request('heartbeat')));
    const { challenge } = await udp.event('challenge');

    await udp.ask(request('path', { challenge }));

    expect((await udp.ask(request('heartbeat'))).ok).to.equal(true);
  });

  it('limits what one unproven source may ask, and lets valid resume tokens through meanwhile', async () => {
    const { grant } = await tracker.enterTcp('alice');
    const flooder = await tracker.udp('127.0.0.5');
    const returning = await tracker.udp('127.0.0.5');
    const cookie = await returning.cookie();
    for (let index = 0; index < 300; index += 1) flooder.send(encodeHello(randomBytes(16)));
    await settled();
    expect(flooder.received.length).to.be.within(150, 199);

    const reply = await returning.resume(resumeOf(grant), grant.resumeKey, cookie);

    expect(reply.ok).to.equal(true);
    expect(tracker.tracker.udp.drops.overRate).to.be.greaterThan(90);
  });

  it('does not listen to resumes of a source that forges them without end, for a while; others come back meanwhile', async () => {
    const { grant } = await tracker.enterTcp('alice');
    const [forger, same, other] = [
      await tracker.udp('127.0.0.5'),
      await tracker.udp('127.0.0.5'),
      await tracker.udp('127.0.0.6'),
    ];
    const cookie = await forger.cookie();
    const forged = resumeOf({ ...grant, resumeToken: `gAAAAA${'A'.repeat(94)}` });
    const cookies = [await same.cookie(), await other.cookie()] as const;
    for (let index = 0; index < 300; index += 1) {
      void forger.resume(forged, grant.resumeKey, cookie).catch(() => undefined);
      if (index % 20 === 19) await settled();
    }
    await waitFor(() => tracker.tracker.udp.drops.overRate >= 100);

    void same.resume(resumeOf(grant), grant.resumeKey, cookies[0]).catch(() => undefined);
    const reply = await other.resume(resumeOf(grant), grant.resumeKey, cookies[1]);

    expect(reply.ok).to.equal(true);
    expect(same.received).to.have.length(1); // the cookie alone
    clock.advance(1_000);
    expect((await same.resume(resumeOf(grant), grant.resumeKey, cookies[0])).ok).to.equal(true);
  });

  it('limits how often the sessions of one user are resumed or forked, and lets others through meanwhile', async () => {
    const [{ grant }, { grant: bobs }] = [await tracker.enterTcp('alice'), await tracker.enterTcp('bob')];
    const [greedy, bob] = [await tracker.udp(), await tracker.udp()];
    const cookie = await greedy.cookie();
    const bobsCookie = await bob.cookie();
    for (let index = 0; index < 300; index += 1) {
      const fork = resumeOf(grant, { serving: false, fork: true });
      void greedy.resume(fork, grant.resumeKey, cookie).catch(() => undefined);
      if (index % 20 === 19) await settled(); // more at once would not fit a socket's buffer
    }
    await waitFor(() => tracker.tracker.udp.drops.overRate === 100);

    expect((await bob.resume(resumeOf(bobs), bobs.resumeKey, bobsCookie)).ok).to.equal(true);
    await waitFor(() => greedy.received.length === 1 + 200); // the cookie, and as many as may come at once
  });

  it('says use-tcp when an answer does not fit, and pages what does', async () => {
    const { client: alice } = await tracker.enterUdp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    const names = Array.from({ length: 30 }, (_, index) => `${'n'.repeat(40)} ${index}`);
    await bob.ask(publishOf(...names));

    const found: string[] = [];
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const reply = await alice.ask(
        request('search', { text: 'n'.repeat(40), ...(cursor === undefined ? {} : { cursor }) }),
      );
      found.push(...(reply['publications'] as { name: string }[]).map(({ name }) => name));
      cursor = reply['cursor'] as string | undefined;
    }

    expect(found.toSorted()).to.deep.equal(names.toSorted());
    expect(alice.received.every(({ length }) => length <= 1_200)).to.equal(true);
    expect((await alice.ask(publishOf('x', 'y'))).error?.code).to.equal('use-tcp');
  });
});
