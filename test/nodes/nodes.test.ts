/** Three nodes of one tracker on one PostgreSQL, inside the test: whichever is asked, the answer is the same. */
import { expect } from 'chai';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
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
    const { client: bob } = await nodes[1]!.enterTcp('bob');
    await bob.ask(request('searches', { searches: [{ search: 's1', text: 'wanted' }] }));
    const has = (event: string) => (): boolean => bob.messages.some((message) => message['event'] === event);
    const searching = (): Promise<unknown[]> => server.run(url, 'SELECT * FROM nodes WHERE has_searches');
    await waitFor(async () => (await searching()).length === 1, { what: 'the search to be told' });
    await everywhere([alice], { type: 'listPeers' }, (reply) => reply['peers'].length === 1);

    await alice.ask(publishOf('what is wanted'));
    const publishedAt = performance.now();
    await waitFor(has('match'), { what: 'the match' });
    const matchMs = performance.now() - publishedAt;
    await nodes[2]!.store.changeAccount('bob', { kind: 'password', passwordHash: 'x' }, Date.now());
    const changedAt = performance.now();
    await waitFor(has('ended'), { what: 'the end of the session' });

    expect(Math.max(matchMs, performance.now() - changedAt)).to.be.lessThan(3_000);
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
