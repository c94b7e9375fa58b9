/** What every store promises (`tracker/store/store.ts`), as one suite that is run for each of them. */
import { expect } from 'chai';
import { TICKET_LIFE_MS } from '../../common/protocol/limits.js';
import type { Store } from '../../tracker/store/store.js';
import {
  addUsers,
  deviceOf,
  entry,
  mutation,
  NOW,
  namesFound,
  newId,
  publish,
  query,
  searchAll,
  unpublish,
} from './store-samples.js';

export interface StoreUnderTest {
  readonly store: Store;
  /** Closes it and opens it again on the same data. */
  reopen(): Promise<Store>;
  close(): Promise<void>;
}

export function describeStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let opened: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.close());

    describe('accounts', () => {
      it('adds only users never seen, ignoring case, removed ones included', async () => {
        await addUsers(store, 'Alice', 'bob');
        await store.changeAccount('bob', { kind: 'remove' }, NOW);

        const added = await store.addAccounts(
          ['ALICE', 'bob', 'carol'].map((user) => ({ user, passwordHash: 'other', at: NOW })),
        );

        expect(added).to.deep.equal(['carol']);
        expect(await store.findAccount('alice')).to.include({
          user: 'Alice',
          passwordHash: 'hash of Alice',
          generation: 1,
        });
      });

      it('brings a removed user back with a higher generation, and leaves a present one alone', async () => {
        await addUsers(store, 'alice', 'bob');
        await store.changeAccount('bob', { kind: 'remove' }, NOW);

        expect(await store.createAccount({ user: 'alice', passwordHash: 'x', at: NOW })).to.equal(false);
        expect(await store.createAccount({ user: 'Bob', passwordHash: 'new', at: NOW })).to.equal(true);

        expect(await store.findAccount('bob')).to.include({
          user: 'Bob',
          passwordHash: 'new',
          state: 'active',
          generation: 2,
        });
      });

      for (const change of [
        { kind: 'password', passwordHash: 'next' },
        { kind: 'disable' },
        { kind: 'remove' },
      ] as const) {
        it(`raises generation and epoch on ${change.kind}`, async () => {
          await addUsers(store, 'alice');

          const account = await store.changeAccount('ALICE', change, NOW + 5);

          expect(account?.generation).to.equal(2);
          expect(await store.revocations(0, 10)).to.deep.equal({
            revocations: [{ epoch: 1, kind: 'user', subject: 'alice', at: NOW + 5 }],
            epoch: 1,
          });
        });
      }

      it('removes the publications of a removed user', async () => {
        await addUsers(store, 'alice', 'bob');
        await publish(store, { user: 'alice' }, entry('secret plan.txt'));

        await store.changeAccount('alice', { kind: 'remove' }, NOW);

        expect(await namesFound(store, query('plan'))).to.deep.equal([]);
        expect((await store.listAccounts()).map(({ user }) => user)).to.deep.equal(['bob']);
      });

      it('knows a device after its first login, for that user alone', async () => {
        await addUsers(store, 'alice', 'bob');
        const device = deviceOf('laptop');
        expect((await store.loginFacts('alice', device)).isKnownDevice).to.equal(false);

        await store.recordLogin({ user: 'alice', device, at: NOW });

        expect((await store.loginFacts('Alice', device)).isKnownDevice).to.equal(true);
        expect((await store.loginFacts('bob', device)).isKnownDevice).to.equal(false);
      });

      it('keeps the epoch when old revocations are forgotten', async () => {
        await addUsers(store, 'alice');
        await store.changeAccount('alice', { kind: 'disable' }, NOW);

        await store.prune(NOW + TICKET_LIFE_MS + 1);

        expect(await store.revocations(0, 10)).to.deep.equal({ revocations: [], epoch: 1 });
      });
    });

    describe('publish and unpublish', () => {
      beforeEach(() => addUsers(store, 'alice', 'bob'));

      it('says new, unchanged, name-taken and replaced, and keeps the publicationId', async () => {
        const first = await publish(store, { user: 'alice' }, entry('a.bin', 'one'));
        const again = await publish(store, { user: 'alice' }, entry('a.bin', 'one'));
        const taken = await publish(store, { user: 'alice' }, entry('a.bin', 'two'));
        const replaced = await publish(store, { user: 'alice' }, entry('a.bin', 'two', { replace: true }));

        const publicationId = first.results[0]?.publicationId;
        expect(first.results[0]).to.include({ change: 'new', revision: 1 });
        expect(again.results[0]).to.include({ change: 'unchanged', revision: 1, publicationId });
        expect(taken.results[0]?.error?.code).to.equal('name-taken');
        expect(replaced.results[0]).to.include({ change: 'replaced', revision: 2, publicationId });
      });

      it('raises the library revision by one for each applied change', async () => {
        const two = await publish(store, { user: 'alice' }, entry('a'), entry('b'));
        const none = await publish(store, { user: 'alice' }, entry('a'), entry('b', 'other'));
        const one = await unpublish(store, 'alice', 'a', 'never there');

        expect([two, none, one].map(({ libraryRevision }) => libraryRevision)).to.deep.equal([2, 2, 3]);
        expect(one.results.map(({ ok }) => ok)).to.deep.equal([true, false]);
      });

      it('treats a name that occurs twice in one request in order', async () => {
        const { results } = await publish(
          store,
          { user: 'alice' },
          entry('a', '1'),
          entry('a', '2'),
          entry('a', '2', { replace: true }),
          entry('a', '2'),
        );

        expect(results.map((result) => result.change ?? result.error?.code)).to.deep.equal([
          'new',
          'name-taken',
          'replaced',
          'unchanged',
        ]);
        expect((await store.listPublished({ user: 'alice', limit: 9 })).map(({ revision }) => revision)).to.deep.equal([
          2,
        ]);
      });

      it("lets two users have one name, and touches nobody else's", async () => {
        await publish(store, { user: 'alice' }, entry('same'));
        await publish(store, { user: 'bob' }, entry('same'));

        const { results } = await unpublish(store, 'bob', 'same');

        expect(results[0]?.ok).to.equal(true);
        expect(await store.listPublished({ user: 'alice', limit: 9 })).to.have.length(1);
        expect((await unpublish(store, 'bob', 'same')).results[0]?.error?.code).to.equal('not-found');
      });

      it('moves a publication to the device that published it last', async () => {
        await publish(store, { user: 'alice', device: deviceOf('old') }, entry('a'));

        const moved = await publish(store, { user: 'alice', device: deviceOf('new') }, entry('a'));

        expect(moved.results[0]?.change).to.equal('unchanged');
        expect(moved.libraryRevision).to.equal(1);
        expect((await store.listPublished({ user: 'alice', limit: 9 }))[0]?.device).to.equal(deviceOf('new'));
        expect((await store.loginFacts('alice', deviceOf('old'))).libraryRevision).to.equal(2);
        expect(
          await store.countPublications(
            ['old', 'new'].map((name) => ({ user: 'alice', device: deviceOf(name) })),
            'alice',
          ),
        ).to.deep.equal([0, 1]);
      });

      it('takes what a device tells again that this store, put back to an older day, has with other content', async () => {
        const mine = { user: 'alice', device: deviceOf('mine') };
        const first = await publish(store, mine, entry('a', 'as in the backup'));
        const { publicationId } = first.results[0] ?? {};
        const since = entry('a', 'replaced since', { publicationId });

        const elsewhere = await publish(store, { user: 'alice', device: deviceOf('other') }, since);
        const unknown = await publish(store, mine, entry('a', 'replaced since', { publicationId: newId() }));
        const again = await publish(store, mine, since);

        expect([elsewhere, unknown].map(({ results }) => results[0]?.error?.code)).to.deep.equal([
          'name-taken',
          'name-taken',
        ]);
        expect(again.results[0]).to.include({ change: 'replaced', publicationId, revision: 2 });
      });

      it('gives all that one request replaces its time, and lists it by id, whatever the order in the request', async () => {
        const names = ['c', 'a', 'd', 'b'];
        await publish(store, { user: 'alice' }, ...names.map((name) => entry(name)), entry('e'));

        const replacing = names.toSorted().map((name) => entry(name, 'new', { replace: true }));
        await publish(store, { user: 'alice', at: NOW + 5 }, ...replacing);

        const rows = await store.listPublished({ user: 'alice', limit: 9 });
        const listed = rows.map(({ name, publishedAt }) => [name, publishedAt - NOW]);
        expect(listed).to.deep.equal([...names.toReversed().map((name) => [name, 5]), ['e', 0]]);
      });

      it('refuses what passes the quota, entry by entry, and has room again after unpublish', async () => {
        const { results } = await publish(
          store,
          { user: 'alice', quota: 2 },
          entry('a'),
          entry('b'),
          entry('c'),
          entry('a'),
        );
        await unpublish(store, 'alice', 'a');
        const later = await publish(store, { user: 'alice', quota: 2 }, entry('c'));

        expect(results.map((result) => result.change ?? result.error?.code)).to.deep.equal([
          'new',
          'new',
          'quota',
          'unchanged',
        ]);
        expect(later.results[0]?.change).to.equal('new');
      });

      it('holds bulk requests of 1,000 entries', async () => {
        const entries = Array.from({ length: 1_000 }, (_, index) => entry(`file ${index}`));

        const { results, libraryRevision } = await publish(store, { user: 'alice' }, ...entries);

        expect(results.every(({ ok }) => ok)).to.equal(true);
        expect(libraryRevision).to.equal(1_000);
        expect((await searchAll(store, query('file '))).length).to.equal(1_000);
      });
    });

    describe('live sources', () => {
      beforeEach(() => addUsers(store, 'alice', 'bob'));

      it('finds publications of live devices and single live ones, and no others', async () => {
        const published = await publish(store, { user: 'alice' }, entry('holiday one'), entry('holiday two'));
        await publish(store, { user: 'bob' }, entry('holiday three'));
        const live = query('holiday', { liveOnly: true });
        expect(await namesFound(store, live)).to.deep.equal([]);

        const device = deviceOf('bob');
        await store.setLive({
          devices: [{ user: 'bob', device, isLive: true }],
          publications: [{ publicationId: published.results[0]!.publicationId!, isLive: true }],
        });
        expect((await namesFound(store, live)).toSorted()).to.deep.equal(['holiday one', 'holiday three']);

        await store.setLive({ devices: [{ user: 'bob', device, isLive: false }], publications: [] });
        expect(await namesFound(store, live)).to.deep.equal(['holiday one']);
      });

      it('hides what is not for the viewer from every read, also after it was opened again', async () => {
        await publish(store, { user: 'alice' }, entry('open'), entry('holiday hidden'));
        const names = ['holiday hidden'];
        await store.addGroup('Team');
        await store.mutate(
          mutation(
            {
              type: 'rights',
              user: 'ALICE',
              device: deviceOf('alice'),
              names,
              rights: { users: [], groups: ['team'] },
            },
            { session: newId() },
          ),
        );
        store = await opened.reopen();
        const seenBy = async (viewer: string): Promise<unknown[]> => [
          (await searchAll(store, query('', { viewer, limit: 1 }))).toSorted(),
          await searchAll(store, query('holiday', { viewer })),
          await searchAll(store, query('holiday hidden', { viewer, exact: true })),
          await store.countPublications([{ user: 'alice', device: deviceOf('alice') }], viewer),
        ];

        expect(await seenBy('bob')).to.deep.equal([['open'], [], [], [1]]);
        await store.changeMembers('TEAM', { kind: 'join', users: ['Bob'], at: NOW });
        for (const viewer of ['bob', 'alice'])
          expect(await seenBy(viewer)).to.deep.equal([['holiday hidden', 'open'], names, names, [2]]);
        expect(await store.listGroups()).to.deep.equal([{ group: 'Team', members: ['bob'] }]);
      });

      it('remembers tickets and when a device was seen', async () => {
        const { results } = await publish(store, { user: 'alice' }, entry('a'));
        const publicationId = results[0]!.publicationId!;
        const bob = { user: 'bob', device: deviceOf('bob') };
        await store.recordTicket({ publicationId, ...bob, fileId: 'a', size: 1, at: NOW });
        await store.recordSeen([{ user: 'ALICE', device: deviceOf('alice') }], NOW + 7);
        store = await opened.reopen();

        expect(await store.hasTicket(publicationId, deviceOf('bob'))).to.equal(true);
        expect(await store.hasTicket(publicationId, deviceOf('eve'))).to.equal(false);
        expect((await store.findPublication(publicationId, 'bob'))?.lastSeenAt).to.equal(NOW + 7);
        expect(await store.findPublication(newId(), 'bob')).to.equal(undefined);
      });
    });

    it('rejects every call after close', async () => {
      await store.close();

      for (const call of [store.listAccounts(), store.prune(NOW), store.findAccount('alice')]) {
        expect(await call.catch((error: { code: string }) => error.code)).to.equal('closed');
      }
    });
  });
}
