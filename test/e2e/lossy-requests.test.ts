import { expect } from 'chai';
import type { Reply, RequestType } from '../../common/protocol/messages.js';
import { systemClock } from '../../common/runtime/clock.js';
import { type Identity, loadOrCreateIdentity, parsePin } from '../../common/wire/identity.js';
import { TrackerClient } from '../../peer/tracker-client/tracker-client.js';
import { seedFor } from '../support/seed.js';
import { waitFor } from '../support/wait-for.js';
import { expectExactlyOnce, type Requester, runMutations } from './lossy-mutations.js';
import { newId, type RawBody, type RawLogin, RawSession, randomFileId, type Transport } from './raw-session.js';
import { SAMPLED_TYPES, SAMPLES, type Sample, type SampledType } from './request-samples.js';
import { passwordOf, World } from './world.js';

/** Kind of the datagram that answers a login. */
const LOGIN_REPLY = 0x82;
const BAD_NETWORK = { loss: 0.2, duplicate: 0.1, reorder: 0.25 };
/** In which nobody gets by with datagrams alone. */
const WORST_NETWORK = { loss: 0.5, duplicate: 0.1, reorder: 0.25, corrupt: 0.01, delayMs: [0, 500] as const };
const NEVER = new AbortController().signal;

describe('requests over a network that loses, doubles and reorders', () => {
  let world: World;
  let device: Identity;
  let sessions: RawSession[];

  beforeEach(async function () {
    sessions = [];
    world = await World.open({ admins: ['alice'], proxy: { seed: seedFor(this.currentTest?.fullTitle() ?? '') } });
    device = await loadOrCreateIdentity(world.path('device.pem'), { commonName: 'test' });
  });

  afterEach(async () => {
    for (const session of sessions) session[Symbol.dispose]();
    await world.end();
  });

  it('answers every type over UDP with 20 % loss, 10 % doubled and 25 % reordered', async () => {
    world.proxy.udp.setFaults(BAD_NETWORK);
    const session = await open('udp');

    const resumed = await session.tryResume();
    const replies = await Promise.all(
      SAMPLED_TYPES.filter((type) => type !== 'logout').map((type) => ask(session, type)),
    );
    replies.push(await ask(session, 'logout'));

    expect(resumed.ok).to.equal(true);
    expect(replies.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(replies).to.have.length(SAMPLED_TYPES.length);
    printFaults(`${replies.length + 2} types`);
  });

  it('applies every mutation exactly once, whichever datagram is lost', async () => {
    world.proxy.udp.setFaults(BAD_NETWORK);
    const session = await open('udp');

    const run = await runMutations(session, { count: 120, lanes: 24, seed: 7 });

    world.proxy.udp.setFaults({});
    await expectExactlyOnce(await open('tcp'), run);
    printFaults(`${run.applied} mutations, ${run.changes} changes`);
  });

  it("applies every mutation of a peer's own client exactly once where half of all datagrams are lost", async () => {
    await using peer = await PeerClient.open(world, device);
    const { udp, tcp } = world.proxy;
    await waitFor(() => udp.counters.toClient.delivered > 2, { what: 'heartbeats over UDP' });
    tcp.killAll(); // while there is a connection it is used
    const seenThen = udp.counters.toTarget.seen;
    await waitFor(() => udp.counters.toTarget.seen > seenThen, { what: 'the peer to know of it' });
    const seenBefore = udp.counters.toTarget.seen;
    const running = runMutations(peer, { count: 120, lanes: 20, seed: 23 });
    await waitFor(() => udp.counters.toTarget.seen > seenBefore + 20, { what: 'changes over UDP' });
    udp.setFaults(WORST_NETWORK);

    const run = await running;

    world.proxy.udp.setFaults({});
    await expectExactlyOnce(await open('tcp'), run);
    printFaults(`${run.applied} mutations, ${run.changes} changes`);
  });

  it('applies a mutation once when it is repeated on the other transport and after a restart of the tracker', async () => {
    const session = await open('tcp');
    const [id, name, fileId] = [newId(), 'once.bin', randomFileId()];
    const entries = [{ name, fileId, size: 3, kind: 'file' as const }];
    const first = await session.request('publish', { entries }, { id });

    await world.killTracker();
    await world.startTracker();
    const resumed = await session.tryResume();
    const again = await session.request('publish', { entries }, { id });

    expect(resumed.ok, JSON.stringify(resumed)).to.equal(true);
    expect(again).to.deep.equal(first);
    expect(again).to.have.nested.property('results[0].change', 'new');
  });

  it('refuses an id that comes back with another body, and changes nothing', async () => {
    const session = await open('udp');
    const id = newId();
    await session.request(
      'publish',
      { entries: [{ name: 'a.bin', fileId: randomFileId(), size: 1, kind: 'file' }] },
      { id },
    );

    const entries = [{ name: 'b.bin', fileId: randomFileId(), size: 1, kind: 'file' as const }];
    // A late second reply to the first request has the same id: only what comes after it is about this one.
    const other = await waitFor(async () => {
      const reply = await session.request('publish', { entries }, { id });
      return reply.ok ? undefined : reply;
    });
    const listed = await session.request('listPublished', {});

    expect(other.error.code).to.equal('id-reused');
    expect(listed.ok && listed.publications.map(({ name }) => name)).to.deep.equal(['a.bin']);
  });

  it('does not log in twice when only the reply is lost: the same attempt gets the same session, also over TCP', async () => {
    let dropped = 0;
    world.proxy.udp.filter = (datagram, direction) => {
      if (direction !== 'toClient' || datagram[1] !== LOGIN_REPLY || dropped > 0) return true;
      dropped += 1;
      return false;
    };

    const session = await open('udp', { serving: true, filePort: 1 });

    expect(dropped).to.equal(1);
    expect(session.grant.user).to.equal('alice');
  });

  async function open(transport: Transport, presence: NonNullable<RawLogin['presence']> = {}): Promise<RawSession> {
    const { host, port } = world.proxy;
    const login: RawLogin = { transport, user: 'alice', password: passwordOf('alice'), device, presence };
    const session = await RawSession.open({ host, port, pin: world.tracker.pin }, login);
    sessions.push(session);
    return session;
  }

  async function ask<T extends SampledType>(session: RawSession, type: T) {
    const sample: Sample<T> = SAMPLES[type];
    const prepared = (await sample.prepare?.(session)) ?? '';
    return session.request(type, sample.body(prepared, session));
  }

  function printFaults(what: string): void {
    const { toTarget, toClient } = world.proxy.udp.counters;
    const sum = (field: keyof typeof toTarget): number => toTarget[field] + toClient[field];
    process.stdout.write(
      `      ${what}: ${sum('seen')} datagrams, ${sum('dropped')} lost, ${sum('duplicated')} doubled, ${sum('reordered')} reordered\n`,
    );
  }
});

/** What a peer asks its tracker with: datagrams, and a connection where they do not arrive. Answers as a `RawSession` does. */
class PeerClient implements Requester {
  static async open(world: World, device: Identity): Promise<PeerClient> {
    const { host, port } = world.proxy;
    const client = new TrackerClient({
      ...{ host, port, device, pin: parsePin(world.tracker.pin), clock: systemClock, pqOnly: false },
      presence: () => ({ serving: false, libraryRevision: 0 }),
      onGrant: () => undefined,
      onState: () => undefined,
      onEvent: () => undefined,
      onEpoch: () => undefined,
    });
    await client.login('alice', passwordOf('alice'), { signal: NEVER });
    client.start();
    return new PeerClient(client);
  }

  private constructor(private readonly client: TrackerClient) {}

  async request<T extends RequestType>(type: T, body: RawBody<T>): Promise<Reply<T>> {
    const reply = await this.client.request(type, body, { signal: NEVER });
    return { ...reply, id: '', ok: true } as Reply<T>;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client.stop({ logout: false });
  }
}
