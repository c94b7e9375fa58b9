/** One serving session a user, wherever it is: also when the store answers late, or not at all, while one ends and the next begins. */
import { expect } from 'chai';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import type { NodeStore } from '../../tracker/store/node-store.js';
import type { Store } from '../../tracker/store/store.js';
import { StoreError } from '../../tracker/store/store-error.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { type RawReply, request, userOf } from '../tracker/raw-messages.js';
import { TestTracker } from '../tracker/test-tracker.js';

type NodesStore = Store & { readonly nodes: NodeStore };

describe('the serving slot of a user of several nodes', () => {
  let server: TestPostgres;
  let dir: TempDir;
  let identity: Identity;
  let url: string;
  let cleanUp: AsyncDisposableStack;
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
  });
  afterEach(() => cleanUp.disposeAsync());

  async function open(wrap: (store: NodesStore) => NodesStore = (store) => store): Promise<TestTracker> {
    const wrapStore = (store: Store): Store => wrap(store as NodesStore);
    return cleanUp.use(await TestTracker.start({ users: ['alice'], postgres: { url, identity }, wrapStore }));
  }

  const logIn = async (node: TestTracker): Promise<RawReply> => (await node.tcp()).ask(node.login(userOf('alice')));

  it('is kept by a login that comes while the end of the session before is told', async () => {
    const telling = Promise.withResolvers<void>();
    const { promise: loggedIn, resolve: goOn } = Promise.withResolvers<void>();
    const first = await open((store) => ({
      ...store,
      nodes: {
        ...store.nodes,
        tell: async (node, news) => {
          if (news.freed.length > 0) {
            telling.resolve();
            await loggedIn;
          }
          return store.nodes.tell(node, news);
        },
      },
    }));
    const second = await open();
    const { client } = await first.enterTcp('alice');
    await client.ask(request('logout'));
    await telling.promise;
    const { client: next } = await first.enterTcp('alice');
    goOn();
    await waitFor(
      async () => (await server.run(url, 'SELECT * FROM live_sessions WHERE facts IS NOT NULL')).length === 1,
    );

    expect((await logIn(second)).error?.code).to.equal('already-active');
    expect((await next.ask(request('heartbeat'))).ok).to.equal(true);
  });

  it('is free again when the login for which it was taken could not be finished', async () => {
    let fails = false;
    const first = await open((store) => ({
      ...store,
      findAccount: (user) =>
        fails ? Promise.reject(new StoreError('busy', 'the database is busy')) : store.findAccount(user),
    }));
    const second = await open();
    fails = true;
    expect((await logIn(first)).error?.code).to.equal('busy');

    await waitFor(async () => (await logIn(second)).ok, { what: 'the slot to be free', timeoutMs: 3_000 });
  });

  it('is free again when it is not known whether it was taken', async () => {
    let isLost = true;
    const first = await open((store) => ({
      ...store,
      nodes: {
        ...store.nodes,
        claim: async (slot) => {
          const claimed = await store.nodes.claim(slot);
          if (isLost) throw new StoreError('unreachable', 'the connection was lost behind COMMIT');
          return claimed;
        },
      },
    }));
    const second = await open();
    expect((await logIn(first)).error?.code).to.equal('storage');
    isLost = false;

    await waitFor(async () => (await logIn(second)).ok, { what: 'the slot to be free', timeoutMs: 3_000 });
  });

  it('is claimed for all sessions at once when the server has lost it: the node goes on telling that it lives', async () => {
    const users = ['alice', 'bob', 'carol'];
    const all = Promise.withResolvers<void>();
    let waiting: number | undefined;
    const first = await open((store) => ({
      ...store,
      nodes: {
        ...store.nodes,
        claim: async (slot) => {
          if (waiting !== undefined) {
            waiting += 1;
            if (waiting === users.length) all.resolve();
            await all.promise;
          }
          return store.nodes.claim(slot);
        },
      },
    }));
    for (const user of users) {
      if (user !== 'alice') await first.addUser(user);
      await first.enterTcp(user);
    }

    waiting = 0;
    cleanUp.defer(all.resolve);
    await server.run(url, 'TRUNCATE nodes, live_sessions, live_holds, node_messages, slots');

    await waitFor(() => waiting === users.length, { what: 'a claim for each of them', timeoutMs: 5_000 });
  });

  it('does not save a session whose user was disabled while the answer of the store about him was on its way', async () => {
    const asked = Promise.withResolvers<void>();
    const { promise: arrival, resolve: arrive } = Promise.withResolvers<void>();
    let isLate = false;
    const first = await open((store) => ({
      ...store,
      findAccount: async (user) => {
        const account = await store.findAccount(user);
        if (isLate) {
          isLate = false;
          asked.resolve();
          await arrival;
        }
        return account;
      },
    }));
    const client = await first.tcp();
    isLate = true;
    const login = client.ask(first.login(userOf('alice')));
    await asked.promise;
    const { epoch } = first.tracker.registry;
    await first.store.changeAccount('alice', { kind: 'disable' }, Date.now());
    await waitFor(() => first.tracker.registry.epoch > epoch, { what: 'the node to hear of it' });
    arrive();

    expect((await login).error?.code).to.equal('login-failed');
  });
});
