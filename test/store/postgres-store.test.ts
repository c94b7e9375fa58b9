/** The contract of the store on a real PostgreSQL, and what is special about it. */
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { Client } from 'pg';
import { openPostgresStore } from '../../tracker/store/postgres-store.js';
import { END_SESSIONS, MOVE_EPOCH_ON } from '../../tracker/store/put-back.js';
import type { Store } from '../../tracker/store/store.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { waitFor } from '../support/wait-for.js';
import { describeFolders } from './describe-folders.js';
import { describeMutations } from './describe-mutations.js';
import { describeOperations } from './describe-operations.js';
import { describeSearch } from './describe-search.js';
import { describeStore } from './describe-store.js';
import { addUsers, bodyOf, deviceOf, entry, mutation, namesFound, newId, publish, query } from './store-samples.js';

describe('on PostgreSQL', () => {
  let server: TestPostgres;
  /** Its tables are made once; each test gets a copy. */
  let template: string;
  before(async () => {
    server = await startPostgres();
    const url = await server.database();
    await (await openPostgresStore(url)).close();
    template = new URL(url).pathname.slice(1);
  });
  after(() => server[Symbol.asyncDispose]());

  const openFresh = async () => {
    const url = await server.database(template);
    let store = await openPostgresStore(url);
    return {
      store,
      async reopen() {
        await store.close();
        store = await openPostgresStore(url);
        return store;
      },
      close: () => store.close(),
    };
  };

  describeStore('the PostgreSQL store', openFresh);
  describeMutations('the PostgreSQL store', openFresh);
  describeOperations('the PostgreSQL store', openFresh);
  describeFolders('the PostgreSQL store', openFresh);
  describeSearch('the PostgreSQL store', openFresh);

  describe('openPostgresStore', () => {
    let cleanUp: AsyncDisposableStack;
    let url: string;
    beforeEach(async () => {
      cleanUp = new AsyncDisposableStack();
      url = await server.database(template);
    });
    afterEach(() => cleanUp.disposeAsync());

    const open = async (at = url): Promise<Store> =>
      cleanUp.adopt(await openPostgresStore(at), (store) => store.close());
    const failure = (work: Promise<unknown>) =>
      work.then(
        () => expect.fail('it should fail'),
        (error: Error & { code: string }) => error,
      );
    const endConnections = () =>
      server.run(
        url,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );

    it('makes its tables once when several nodes start on an empty database', async () => {
      url = await server.database();

      const nodes = await Promise.all([open(), open(), open()]);

      await addUsers(nodes[0]!, 'alice');
      expect((await nodes[2]!.listAccounts()).map(({ user }) => user)).to.deep.equal(['alice']);
    });

    it('refuses a store of a newer version', async () => {
      await server.run(url, 'UPDATE shoal_schema SET version = 99');

      const error = await failure(open());

      expect(error.code).to.equal('newer-schema');
      expect(error.message).to.match(/newer version of shoal/);
    });

    it('takes no session up again after a dump was restored, by the commands that are named for it', async () => {
      const first = await open();
      await addUsers(first, 'alice');
      const { generation: since = 0 } = (await first.changeAccount('alice', { kind: 'disable' }, Date.now())) ?? {};
      const { epoch } = await first.revocations(0, 1);
      await server.run(url, "UPDATE counters SET value = 0; UPDATE accounts SET generation = 1, state = 'active'");

      await server.run(url, MOVE_EPOCH_ON);
      await server.run(url, END_SESSIONS);

      expect((await first.findAccount('alice'))?.generation).to.be.above(since);
      expect((await first.revocations(0, 1)).epoch).to.be.above(epoch);
    });

    it('names the database, and never the password, in what it says of one it cannot open', async () => {
      const wrong = new URL(url);
      wrong.password = 'not-this-one';
      const closed = new URL(url);
      closed.port = '1';
      const missing = new URL(url);
      missing.pathname = '/nowhere';

      const errors = await Promise.all(
        [wrong, closed, missing, `${url}%`, 'mysql://x/y'].map((at) => failure(open(String(at)))),
      );

      expect(errors.map(({ code }) => code)).to.deep.equal([
        'unreadable',
        'unreachable',
        'unreadable',
        'unreadable',
        'unreadable',
      ]);
      expect(errors[0]?.message).to.match(/^the database 127\.0\.0\.1:\d+\/shoal_\d+: password authentication failed/);
      expect(errors[1]?.message).to.contain('cannot be reached: connect ECONNREFUSED');
      for (const error of errors) expect(inspect(error, { depth: 9 })).not.to.match(/open-sesame|not-this-one/);
    });

    it('applies a long request that met another change of the same library', async () => {
      const store = await open();
      await addUsers(store, 'alice');
      await publish(store, { user: 'alice' }, entry('first'));
      const other = new Client(url);
      await other.connect();
      cleanUp.defer(() => other.end());
      await other.query('BEGIN; UPDATE devices SET revision = revision + 1');
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;

      const published = publish(store, { user: 'alice' }, ...Array.from({ length: 600 }, (_, n) => entry(`${n}`)));
      await waitFor(async () => (await server.run(url, waiting)).length > 0, {
        what: 'the request meets the other change',
      });
      await other.query('COMMIT');

      expect((await published).results.filter(({ change }) => change === 'new')).to.have.length(600);
      expect((await store.loginFacts('alice', deviceOf('alice'))).libraryRevision).to.equal(602);
    });

    it('applies a request once that reaches two nodes at the same time', async () => {
      const [a, b] = [await open(), await open()];
      await addUsers(a, 'alice');
      for (let round = 0; round < 10; round += 1) {
        const change = {
          type: 'publish',
          user: 'alice',
          device: deviceOf('alice'),
          entries: [entry(`f${round}`)],
          quota: 99,
        } as const;
        const request = mutation(change, { session: newId() });

        const outcomes = await Promise.all([a.mutate(request), b.mutate(request)]);

        expect(outcomes.map(({ kind }) => kind).toSorted()).to.deep.equal(['applied', 'repeated']);
        expect(bodyOf(outcomes[0])).to.deep.equal(bodyOf(outcomes[1]));
      }
      expect((await b.loginFacts('alice', deviceOf('alice'))).libraryRevision).to.equal(10);
    });

    it('lets no node pass the quota, nor lose a change, while all of them publish for one user', async () => {
      const nodes = [await open(), await open(), await open()];
      await addUsers(nodes[0]!, 'alice');

      const bodies = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          publish(nodes[index % 3]!, { user: 'alice', quota: 40 }, entry(`f${index}`)),
        ),
      );

      expect(bodies.filter(({ results }) => results[0]?.ok).length).to.equal(40);
      expect((await nodes[0]!.findAccount('alice'))?.publications).to.equal(40);
      expect((await nodes[1]!.listPublished({ user: 'alice', limit: 99 })).length).to.equal(40);
      expect((await nodes[2]!.loginFacts('alice', deviceOf('alice'))).libraryRevision).to.equal(40);
    });

    it('does everything once while its connections are ended again and again', async () => {
      const store = await open();
      await addUsers(store, 'alice');
      let isDone = false;

      const publishing = (async () => {
        const changes: unknown[] = [];
        for (let wave = 0; wave < 20; wave += 1) {
          const names = [0, 1, 2, 3].map((index) => `f${wave}-${index}`);
          const bodies = await Promise.all(names.map((name) => publish(store, { user: 'alice' }, entry(name))));
          changes.push(...bodies.map(({ results }) => results[0]?.change));
        }
        return changes;
      })().finally(() => {
        isDone = true;
      });
      // Ever later, so that a change finds the time it takes on any machine.
      for (let round = 0; !isDone; round += 1, await Promise.race([publishing, pause(50 * (1 + round))]))
        await endConnections();

      expect(await publishing).to.deep.equal(Array(80).fill('new'));
      expect((await store.loginFacts('alice', deviceOf('alice'))).libraryRevision).to.equal(80);
    });

    it('waits for a change that another node was stopped in, and goes on when the server has ended it', async () => {
      const store = await open();
      await addUsers(store, 'alice');
      const stopped = new Client({ connectionString: url, idle_in_transaction_session_timeout: 1_000 });
      cleanUp.defer(() => stopped.end());
      stopped.on('error', () => undefined);
      await stopped.connect();
      await stopped.query('BEGIN; UPDATE accounts SET generation = 7; LOCK TABLE write_gate IN EXCLUSIVE MODE');

      const reading = await store.findAccount('alice');
      const { results } = await publish(store, { user: 'alice' }, entry('a'));

      expect(reading?.generation).to.equal(1);
      expect(results[0]?.ok).to.equal(true);
    });

    it('answers "storage" when it may only read, changes nothing, and goes on reading', async () => {
      const store = await open();
      await addUsers(store, 'alice');
      const change = (what: string): Promise<unknown> =>
        server.run(url, `BEGIN READ WRITE; ALTER DATABASE ${new URL(url).pathname.slice(1)} ${what}; COMMIT`);
      await change('SET default_transaction_read_only = on');
      await endConnections();

      const error = await failure(publish(store, { user: 'alice' }, entry('a')));

      expect(error.code).to.equal('storage');
      expect(await namesFound(store, query(''))).to.deep.equal([]);
      await change('RESET ALL');
      await endConnections();
      expect((await publish(store, { user: 'alice' }, entry('a'))).results[0]?.ok).to.equal(true);
    });
  });
});
