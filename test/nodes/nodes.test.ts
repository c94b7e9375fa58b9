/** Three nodes of one tracker on one PostgreSQL, inside the test: whichever is asked, the answer is the same. */
import { once } from 'node:events';
import { expect } from 'chai';
import { Client } from 'pg';
import { VirtualClock } from '../../common/runtime/clock.js';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { connectPinned } from '../../common/wire/pinned-tls.js';
import type { NodeStore } from '../../tracker/store/node-store.js';
import { configOf } from '../../tracker/store/postgres-connections.js';
import { type MigrationStep, migrate, STEPS } from '../../tracker/store/postgres-migrations.js';
import { startTcpProxy } from '../support/faultnet.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp } from '../tracker/raw-client.js';
import { publishOf, type RawReply, request, resumeOf, userOf } from '../tracker/raw-messages.js';
import { TestTracker } from '../tracker/test-tracker.js';

const USERS = ['alice', 'bob', 'carol'];

describe('three nodes of one tracker', () => {
  let server: TestPostgres;
  let dir: TempDir;
  let identity: Identity;
  let cleanUp: AsyncDisposableStack;
  let nodes: TestTracker[];
  let url: string;
  before(async () => {
    server = await startPostgres();
    dir = await tempDir();
    identity = await loadOrCreateIdentity(dir.join('identity.pem'), { commonName: 'test' });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    cleanUp = new AsyncDisposableStack();
    url = await server.database();
    nodes = [];
    for (let index = 0; index < 3; index += 1) nodes.push(await open());
  });
  afterEach(() => cleanUp.disposeAsync());

  async function open(): Promise<TestTracker> {
    return cleanUp.use(await TestTracker.start({ users: USERS, postgres: { url, identity } }));
  }

  /** Waits until every node answers as `judge` wants. */
  async function everywhere(
    clients: readonly RawTcp[],
    ask: object,
    judge: (reply: RawReply) => boolean,
  ): Promise<void> {
    for (const client of clients) {
      let last: RawReply | undefined;
      await waitFor(
        async () => {
          const { type, ...fields } = ask as { type: string };
          last = await client.ask(request(type, fields));
          return judge(last);
        },
        { what: 'a node to know', timeoutMs: 5_000 },
      ).catch((error: Error) => {
        throw new Error(`${error.message}: ${JSON.stringify(last)}`, { cause: error });
      });
    }
  }

  const lookers = () =>
    Promise.all(nodes.map(async (node) => (await node.enterTcp('carol', { serving: false })).client));

  it('all know who is online at any of them, what is live, and where to fetch it', async () => {
    const { client: alice } = await nodes[0]!.enterTcp('alice');
    const published = await alice.ask(publishOf('holiday one', 'holiday two'));
    const clients = await lookers();
    const ids = published['results'].map((result: { publicationId: string }) => result.publicationId) as string[];

    await everywhere(clients, { type: 'search', text: 'holiday' }, (reply) => reply['publications'].length === 2);
    await everywhere(clients, { type: 'listPeers' }, (reply) => reply['peers'][0]?.user === 'alice');
    const answers = await Promise.all(
      clients.map(async (client) => {
        const { id: _id, ...peers } = await client.ask(request('listPeers'));
        const { id: _other, ...found } = await client.ask(request('search', { text: 'holiday' }));
        const { sources } = await client.ask(request('sources', { publicationId: ids[0], ticket: false }));
        return { peers, found, sources };
      }),
    );
    expect(answers[1]).to.deep.equal(answers[0]);
    expect(answers[2]).to.deep.equal(answers[0]);

    await alice.ask(request('logout'));
    await everywhere(clients, { type: 'search', text: 'holiday' }, (reply) => reply['publications'].length === 0);
    await everywhere(clients, { type: 'listPeers' }, (reply) => reply['peers'].length === 0);
  });

  it('let a user serve at one of them alone, at once there and after the session has ended elsewhere', async () => {
    const { client } = await nodes[0]!.enterTcp('alice');
    const second = await (await nodes[1]!.tcp()).ask(nodes[1]!.login(userOf('alice')));
    expect(second.error?.code).to.equal('already-active');

    await client.ask(request('logout'));

    await waitFor(async () => (await (await nodes[1]!.tcp()).ask(nodes[1]!.login(userOf('alice')))).ok, {
      what: 'the slot to be free',
    });
  });

  it('lets one of two win that log in at two nodes at the same moment', async () => {
    const tries = await Promise.all(nodes.map(async (node) => (await node.tcp()).ask(node.login(userOf('bob')))));

    expect(tries.filter(({ ok }) => ok)).to.have.length(1);
  });

  it('take a session up at another node, where it is then, and nowhere else', async () => {
    const { client, grant } = await nodes[0]!.enterTcp('alice');
    await client.ask(publishOf('moving'));
    const clients = await lookers();
    await everywhere(clients, { type: 'search', text: 'moving' }, (reply) => reply['publications'].length === 1);

    const moved = await nodes[1]!.tcp();
    const resumed = await moved.ask(resumeOf(grant, { libraryRevision: 1 }));

    expect(resumed.ok, JSON.stringify(resumed)).to.equal(true);
    await waitFor(() => client.isClosed, { what: 'the first node to let it go' });
    await everywhere(clients, { type: 'listPeers' }, (reply) => reply['peers'].length === 1);
    await everywhere(clients, { type: 'search', text: 'moving' }, (reply) => reply['publications'][0]?.sources === 1);
  });

  it('repeat the outcome of a request that was answered by another', async () => {
    const { client, grant } = await nodes[0]!.enterTcp('alice');
    const asked = publishOf('once');
    const first = await client.ask(asked);
    const moved = await nodes[2]!.tcp();
    await moved.ask(resumeOf(grant, {}));

    expect(await moved.ask(asked)).to.deep.equal(first);
  });

  it('tell one another events and revocations within a second', async () => {
    const { client: alice } = await nodes[0]!.enterTcp('alice');
    const { client: bob } = await nodes[1]!.enterTcp('bob', { serving: false });
    await bob.ask(request('searches', { searches: [{ search: 's1', text: 'wanted' }] }));
    const eventsOf = (client: RawTcp, event: string): number =>
      client.messages.filter((message) => message['event'] === event).length;
    let published = 0;

    await timesWithinASecond('a match', async () => {
      const before = eventsOf(bob, 'match');
      await alice.ask(publishOf(`what is wanted ${(published += 1)}`));
      return () => eventsOf(bob, 'match') > before;
    });
    const passwordHash = await nodes[2]!.hasher.hash(userOf('carol').password);
    await timesWithinASecond('the end of a session', async () => {
      const { client: carol } = await nodes[1]!.enterTcp('carol', { serving: false });
      await nodes[2]!.store.changeAccount('carol', { kind: 'password', passwordHash }, Date.now());
      return () => eventsOf(carol, 'ended') === 1;
    });
  });

  /** A machine that is busy for a moment delays one, not most of them: three of at most twenty must be in time. */
  async function timesWithinASecond(what: string, act: () => Promise<() => boolean>): Promise<void> {
    const seconds: number[] = [];
    while (seconds.filter((one) => one < 1).length < 3 && seconds.length < 20) {
      const isThere = await act();
      const since = performance.now();
      await waitFor(isThere, { what });
      seconds.push((performance.now() - since) / 1_000);
    }
    expect(
      seconds.filter((one) => one < 1),
      `${what} after ${seconds.join(', ')} s`,
    ).to.have.length(3);
  }

  it('are woken by what others tell, and by what administrators decide, without looking', async () => {
    const [telling, hearing] = [nodes[0]!.store, nodes[1]!.store] as unknown as { nodes: NodeStore }[];
    let woken = 0;
    const tellers = new Set<string | undefined>();
    const listening = hearing!.nodes.listen((from) => {
      tellers.add(from);
      woken += 1;
    });
    cleanUp.defer(() => listening.stop());
    const wokenBy = async (act: () => Promise<unknown>): Promise<void> => {
      const before = woken;
      await act();
      await waitFor(() => woken > before, { what: 'to be woken' });
    };
    await telling!.nodes.join({ node: 'teller', host: undefined, port: 0 }, {});
    const news = { sessions: [], holds: [], freed: [], message: 0, hasSearches: false, purge: 0, version: 1 };

    await waitFor(async () => (await server.run(url, 'NOTIFY shoal_news')) && woken > 0, {
      what: 'the node to listen',
    });
    await wokenBy(() => telling!.nodes.tell('teller', { ...news, messages: ['{}'] }));
    expect(tellers, 'who tells need not look').to.include('teller');
    await wokenBy(() => nodes[0]!.store.changeAccount('alice', { kind: 'disable' }, Date.now()));
  });

  it('keep heartbeats to themselves: not a byte goes to the database for them', async () => {
    const proxy = cleanUp.use(await startTcpProxy({ target: { host: '127.0.0.1', port: server.port } }));
    const at = new URL(url);
    at.port = String(proxy.port);
    // Its clock stands still, so that what it does by itself from time to time is not counted.
    const place = { postgres: { url: at.href, identity }, clock: new VirtualClock() };
    const node = cleanUp.use(await TestTracker.start({ users: [], ...place }));
    const { client: alice } = await node.enterTcp('alice');
    const { client: bob } = await node.enterUdp('bob');
    const bytesOf = async (requests: readonly string[]): Promise<number> => {
      const before = proxy.bytes.toTarget;
      for (const type of requests) {
        expect((await alice.ask(request(type))).ok).to.equal(true);
        expect((await bob.ask(request(type))).ok).to.equal(true);
      }
      return proxy.bytes.toTarget - before;
    };
    const heartbeats = Array.from({ length: 100 }, () => 'heartbeat');

    expect(await bytesOf(['listPublished'])).to.be.greaterThan(0);
    // Idle connections are closed or looked at now and then, by the time of this computer: never for a hundred heartbeats again and again.
    await waitFor(async () => (await bytesOf(heartbeats)) === 0, {
      what: 'a hundred heartbeats of two peers and no byte',
    });
  });

  it('show nobody any more who was at a node that has left, and tell peers which nodes there are', async () => {
    await nodes[0]!.enterTcp('alice');
    const { client: bob } = await nodes[1]!.enterTcp('bob');
    const ports = (reply: RawReply): number[] => (reply['nodes'] ?? []).map(({ port }: { port: number }) => port);
    const [, second, third] = nodes.map(({ port }) => port);
    await everywhere([bob], { type: 'heartbeat' }, (reply) => ports(reply).length === 3 && ports(reply)[0] === second);

    await nodes[0]!.close();

    await everywhere([bob], { type: 'listPeers' }, (reply) => reply['peers'].length === 0);
    await everywhere([bob], { type: 'heartbeat' }, (reply) => ports(reply).join() === [second, third].join());
    await nodes[0]!.open();
  });

  describe('of a version that is replaced by a newer one', () => {
    const NEWER: MigrationStep = {
      sql: `ALTER TABLE publications ADD COLUMN mood text; ALTER TABLE nodes ADD COLUMN colour text;
        CREATE TABLE moods (publication_id text PRIMARY KEY); CREATE INDEX publications_mood ON publications (mood)`,
      isAdditive: true,
    };
    const upgrade = async (step: MigrationStep): Promise<void> => {
      const client = new Client(configOf(url));
      await client.connect();
      try {
        await migrate(client, [...STEPS, step]);
      } finally {
        await client.end();
      }
    };

    it('go on beside it, and do not start any more', async () => {
      const { client: alice } = await nodes[0]!.enterTcp('alice');
      await alice.ask(publishOf('before'));
      const clients = await lookers();
      await everywhere(clients, { type: 'search', text: 'before' }, (reply) => reply['publications'].length === 1);

      await upgrade(NEWER);

      expect((await alice.ask(publishOf('before, and after'))).ok).to.equal(true);
      await everywhere(clients, { type: 'search', text: 'before' }, (reply) => reply['publications'].length === 2);
      const { client: bob } = await nodes[1]!.enterTcp('bob');
      await everywhere([bob], { type: 'listPeers' }, (reply) => reply['peers'].length === 1);
      const refused = await openAnother();
      expect(refused).to.have.property('code', 'newer-schema');
      expect(String(refused)).to.contain('written by a newer version of shoal. Install that version');
    });

    it('must be stopped before a change that they could not go on with', async () => {
      const breaking = { ...NEWER, isAdditive: false };

      const refused = await upgrade(breaking).catch((error: Error) => error);
      const ports = nodes.map(({ port }) => port).toSorted((a, b) => a - b);
      for (const node of nodes) await node.close();
      await upgrade(breaking);

      expect(refused).to.have.property('code', 'older-nodes');
      for (const port of ports) expect(String(refused)).to.contain(`127.0.0.1:${port}`);
      expect(await openAnother()).to.have.property('code', 'newer-schema');
      await server.run(url, `UPDATE shoal_schema SET version = ${STEPS.length}`);
      for (const node of nodes) await node.open();
    });

    const openAnother = (): Promise<unknown> =>
      TestTracker.start({ postgres: { url, identity } }).catch((error: Error) => error);
  });

  it('are not ready while they cannot write to the store: none sends its peers to another that cannot either', async () => {
    const answerOf = async ({ port }: TestTracker): Promise<string> => {
      const place = { host: '127.0.0.1', port, pin: identity.pin, alpn: 'http/1.1', timeoutMs: 5_000 };
      const { socket } = await connectPinned({ ...place, signal: new AbortController().signal });
      socket.write('GET /readyz HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n');
      const [answer] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return answer.toString('latin1');
    };
    const until = async (words: RegExp): Promise<void> => {
      for (const node of nodes) await waitFor(async () => words.test(await answerOf(node)), { what: String(words) });
    };
    const database = new URL(url).pathname.slice(1);
    const set = async (change: string): Promise<void> => {
      await server.run(url, `BEGIN READ WRITE; ALTER DATABASE ${database} ${change}; COMMIT`);
      const all = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`;
      await server.run(url, `${all} AND pid <> pg_backend_pid()`);
    };
    await until(/^HTTP\/1\.1 200 /);

    // As after a switch to a standby that is none yet, or on a full disk: everything can still be read.
    await set('SET default_transaction_read_only = on');
    await until(/^HTTP\/1\.1 503 .*database/s);
    await set('RESET default_transaction_read_only');
    await until(/^HTTP\/1\.1 200 /);
  });

  it('are refused with other keys than the first has', async () => {
    const other = await loadOrCreateIdentity(dir.join('other.pem'), { commonName: 'test' });

    const error = await TestTracker.start({ postgres: { url, identity: other } }).catch((reason: Error) => reason);

    expect(error).to.have.property('code', 'other-keys');
  });

  it('tell everything anew when the server has lost it', async () => {
    const { client: alice } = await nodes[0]!.enterTcp('alice');
    await alice.ask(publishOf('still there'));
    const clients = await lookers();
    await everywhere(clients, { type: 'search', text: 'still' }, (reply) => reply['publications'].length === 1);

    await server.run(url, 'TRUNCATE nodes, live_sessions, live_holds, node_messages, slots');

    await waitFor(async () => (await server.run(url, 'SELECT * FROM live_sessions')).length === 1, {
      what: 'the news',
    });
    await everywhere(clients, { type: 'search', text: 'still' }, (reply) => reply['publications'].length === 1);
    const refused = await (await nodes[2]!.tcp()).ask(nodes[2]!.login(userOf('alice')));
    expect(refused.error?.code).to.equal('already-active');
  });
});
