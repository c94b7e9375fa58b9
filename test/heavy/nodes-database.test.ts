/** A node whose way to the database is cut, or slow, and a database that is started anew. */
import { expect } from 'chai';
import { systemClock } from '../../common/runtime/clock.js';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import type { ConnectionState } from '../../peer/api.js';
import { TrackerClient } from '../../peer/tracker-client/tracker-client.js';
import { startTcpProxy, type TcpProxy } from '../support/faultnet.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp } from '../tracker/raw-client.js';
import { publishOf, request, userOf } from '../tracker/raw-messages.js';
import { TestTracker } from '../tracker/test-tracker.js';

const HEARTBEAT_MS = 1_000;
const { signal } = new AbortController();

describe('nodes and their database', function () {
  this.timeout(120_000);
  let cleanUp: AsyncDisposableStack;
  let server: TestPostgres;
  let dir: TempDir;
  let identity: Identity;
  let url: string;
  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    server = cleanUp.use(await startPostgres({ durable: true }));
    dir = cleanUp.use(await tempDir());
    identity = await loadOrCreateIdentity(dir.join('identity.pem'), { commonName: 'test' });
    url = await server.database();
  });
  afterEach(() => cleanUp.disposeAsync());

  const open = async (at: string): Promise<TestTracker> =>
    cleanUp.use(await TestTracker.start({ users: ['alice', 'bob'], postgres: { url: at, identity } }));

  async function behind(options: { delayMs?: number }): Promise<{ proxy: TcpProxy; at: string }> {
    const proxy = cleanUp.use(await startTcpProxy({ target: { host: '127.0.0.1', port: server.port }, ...options }));
    const at = new URL(url);
    at.port = String(proxy.port);
    return { proxy, at: at.href };
  }

  /** As a peer does; the returned function ends it and tells how often the answer was another one than `ok`. */
  function keepAlive(client: RawTcp): () => Promise<number> {
    let isOver = false;
    let missed = 0;
    const beating = (async () => {
      while (!isOver) {
        const reply = await client.ask(request('heartbeat'));
        if (!reply.ok) missed += 1;
        await new Promise((resolve) => setTimeout(resolve, HEARTBEAT_MS)); // the pace is what a peer does
      }
    })();
    return async () => {
      isOver = true;
      await beating;
      return missed;
    };
  }

  const peersSeenBy = async (client: RawTcp): Promise<string[]> =>
    ((await client.ask(request('listPeers')))['peers'] as { user: string }[]).map(({ user }) => user);

  it('cut off: heartbeats go on, requests are refused, and all is as before when the way is open again', async () => {
    const { proxy, at } = await behind({});
    const [cut, other] = [await open(at), await open(url)];
    const { client: alice } = await cut.enterTcp('alice');
    const { client: bob } = await other.enterTcp('bob');
    await alice.ask(publishOf('before the cut'));
    await waitFor(async () => (await peersSeenBy(bob)).includes('alice'), { what: 'both to be known' });
    const stops = [keepAlive(alice), keepAlive(bob)];

    proxy.pause();
    const refused = await alice.ask(publishOf('during the cut'));
    await waitFor(async () => (await peersSeenBy(bob)).length === 0, { what: 'the other node to give it up' });
    const found = await bob.ask(request('search', { text: 'before' }));
    const offline = await bob.ask(request('search', { text: 'before', all: true }));
    proxy.resume();
    proxy.killAll();

    expect(refused.error?.code).to.be.oneOf(['storage', 'shutting-down']);
    expect([found['publications'].length, offline['publications'].length]).to.deep.equal([0, 1]);
    await waitFor(async () => (await alice.ask(publishOf('after the cut'))).ok, { what: 'a write', timeoutMs: 30_000 });
    await waitFor(async () => (await peersSeenBy(bob)).includes('alice'), {
      what: 'both to be known',
      timeoutMs: 30_000,
    });
    const again = await bob.ask(request('search', { text: 'cut' }));
    expect(again['publications'].map(({ name }: { name: string }) => name)).to.include.members([
      'after the cut',
      'before the cut',
    ]);
    expect(await Promise.all(stops.map((stop) => stop()))).to.deep.equal([0, 0]);
  });

  for (const way of ['at its own address', 'behind a balancer'] as const) {
    it(`cut off, with another node that is not: peers that came to it ${way} go on there, no command fails, and the node takes peers again`, () =>
      goesOnElsewhere(way === 'behind a balancer'));
  }

  async function goesOnElsewhere(isBalanced: boolean): Promise<void> {
    const { proxy, at } = await behind({});
    const [cut, other] = [await open(at), await open(url)];
    // It goes on sending everybody to the node that is cut off.
    const balancer = isBalanced && cleanUp.use(await startTcpProxy({ target: { host: '127.0.0.1', port: cut.port } }));
    const isAt = (node: TestTracker): boolean =>
      node.tracker.registry.peers().some((session) => session.node === undefined && session.user === 'alice');
    const states: ConnectionState[] = [];
    const client = new TrackerClient({
      ...{
        host: '127.0.0.1',
        port: balancer ? balancer.port : cut.port,
        pin: identity.pin,
        clock: systemClock,
        pqOnly: false,
      },
      device: await loadOrCreateIdentity(dir.join('device.pem'), { commonName: 'test' }),
      presence: () => ({ serving: true, filePort: 40_123, libraryRevision: 0 }),
      onGrant: () => undefined,
      onState: (state) => states.push(state),
      onEvent: () => undefined,
      onEpoch: () => undefined,
    });
    cleanUp.defer(() => client.stop({ logout: false }));
    await waitFor(async () => (await nodesTold(cut)) === 2, { what: 'the nodes to know each other' });
    await client.login('alice', userOf('alice').password, { signal });
    client.start();

    proxy.pause();
    const startedAt = performance.now();
    const listed = await client.request('listPublished', {}, { signal });
    process.stdout.write(`      answered after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s\n`);
    const refused = await (await cut.tcp()).ask(cut.login(userOf('bob'), { serving: false }));
    proxy.resume();
    proxy.killAll();

    expect(listed.publications).to.deep.equal([]);
    expect([isAt(other), states.some(({ kind }) => kind === 'ended')]).to.deep.equal([true, false]);
    expect(refused.error?.code).to.equal('shutting-down');
    await waitFor(async () => (await (await cut.tcp()).ask(cut.login(userOf('bob'), { serving: false }))).ok, {
      what: 'the node to take peers again',
      timeoutMs: 30_000,
    });
    await waitFor(() => !isAt(cut) && isAt(other), { what: 'one place for the session', timeoutMs: 20_000 });
  }

  async function nodesTold(node: TestTracker): Promise<number> {
    const { client, grant } = await node.enterTcp('bob', { serving: false });
    await client.ask(request('logout'));
    return grant.nodes.length;
  }

  it('slow: everything is answered, and nobody falls out of the lists', async () => {
    const { at } = await behind({ delayMs: 40 });
    const nodes = [await open(at), await open(at)];
    const { client: alice } = await nodes[0]!.enterTcp('alice');
    const { client: bob } = await nodes[1]!.enterTcp('bob');
    await waitFor(async () => (await peersSeenBy(bob)).includes('alice'), {
      what: 'both to be known',
      timeoutMs: 20_000,
    });
    const stop = keepAlive(alice);

    for (let index = 0; index < 4; index += 1) {
      expect((await alice.ask(publishOf(`slowly ${index}`))).ok).to.equal(true);
      expect(await peersSeenBy(bob)).to.deep.equal(['alice']);
      const found = await bob.ask(request('search', { text: 'slowly' }));
      expect(found.ok, JSON.stringify(found)).to.equal(true);
    }
    expect(await stop()).to.equal(0);
  });

  it('started anew: what was acknowledged is there, nobody has to log in again, and nobody is twice', async () => {
    const nodes = [await open(url), await open(url)];
    const { client: alice } = await nodes[0]!.enterTcp('alice');
    const { client: bob } = await nodes[1]!.enterTcp('bob');
    const acknowledged: string[] = [];
    let isOver = false;
    const publishing = (async () => {
      let acks: string[] = [];
      for (let index = 0; !isOver; index += 1) {
        const asked = publishOf(`file ${index}`);
        const { ok } = await alice.ask({ ...asked, acks });
        acks = [asked.id];
        if (ok) acknowledged.push(`file ${index}`);
      }
    })();
    await waitFor(() => acknowledged.length > 20, { what: 'some publications' });

    await server.stop();
    await server.start();
    const before = acknowledged.length;
    await waitFor(() => acknowledged.length > before + 20, { what: 'more publications', timeoutMs: 60_000 });
    isOver = true;
    await publishing;

    const names = (await nodes[1]!.store.listPublished({ user: 'alice', limit: 100_000 })).map(({ name }) => name);
    expect(names).to.include.members(acknowledged);
    expect(new Set(names).size).to.equal(names.length);
    await waitFor(async () => (await peersSeenBy(bob)).join() === 'alice', {
      what: 'both to be known',
      timeoutMs: 30_000,
    });
  });
});
