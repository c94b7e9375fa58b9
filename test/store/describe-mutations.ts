import { expect } from 'chai';
import { MAX_UNACKNOWLEDGED, RESUME_TOKEN_LIFE_MS } from '../../common/protocol/limits.js';
import { MAX_OUTCOMES_PER_USER } from '../../tracker/store/outcomes-table.js';
import type { Store } from '../../tracker/store/store.js';
import type { StoreUnderTest } from './describe-store.js';
import { addUsers, bodyOf, deviceOf, entry, mutation, NOW, namesFound, publish, query } from './store-samples.js';

/** What every store promises of changes that are made exactly once. */
export function describeMutations(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name}: mutations`, () => {
    let opened: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      opened = await open();
      ({ store } = opened);
      await addUsers(store, 'alice');
    });
    afterEach(() => opened.close());

    const change = (name: string) => ({
      type: 'publish' as const,
      user: 'alice',
      device: deviceOf('alice'),
      entries: [entry(name)],
      quota: 100,
    });

    it('applies one request id once and repeats its outcome, also after reopening', async () => {
      const request = mutation(change('a'));
      const first = await store.mutate(request);
      store = await opened.reopen();

      const second = await store.mutate({ ...request, change: change('a') });

      expect(first.kind).to.equal('applied');
      expect(second).to.deep.equal({ kind: 'repeated', body: bodyOf(first) });
    });

    it('refuses the same id with another body', async () => {
      const request = mutation(change('a'));
      await store.mutate(request);

      expect(await store.mutate({ ...request, bodyHash: 'another' })).to.deep.equal({
        kind: 'refused',
        code: 'id-reused',
      });
    });

    it(`refuses the ${MAX_UNACKNOWLEDGED + 1}rd unacknowledged mutation and takes it once one is acknowledged`, async () => {
      const requests = Array.from({ length: MAX_UNACKNOWLEDGED }, () => mutation({ type: 'hold' }));
      for (const request of requests) await store.mutate(request);
      const next = mutation({ type: 'hold' });

      expect(await store.mutate(next)).to.deep.equal({ kind: 'refused', code: 'too-many-pending' });
      expect((await store.mutate({ ...next, acks: [requests[0]!.requestId] })).kind).to.equal('applied');
    });

    it(`remembers ${MAX_OUTCOMES_PER_USER} outcomes of one user, however many sessions open and acknowledge nothing`, async () => {
      const ofBob = mutation({ type: 'hold' }, { user: 'bob', session: 'of bob' });
      const first = mutation({ type: 'hold' }, { session: 'session 0' });
      await Promise.all([store.mutate(ofBob), store.mutate(first)]);
      // Old ones are looked for at one mutation of 32, by chance: after a thousand too many they have been.
      const more = Array.from({ length: MAX_OUTCOMES_PER_USER + 1_000 }, (_, index) =>
        mutation(
          { type: 'hold' },
          { user: 'Alice', session: `session ${1 + Math.floor(index / 16)}`, at: NOW + 1 + index },
        ),
      );
      for (let at = 0; at < more.length; at += 64)
        await Promise.all(more.slice(at, at + 64).map((one) => store.mutate(one)));

      const again = await Promise.all([ofBob, first, more.at(-MAX_OUTCOMES_PER_USER)!].map((one) => store.mutate(one)));

      expect(again.map(({ kind }) => kind)).to.deep.equal(['repeated', 'applied', 'repeated']);
    });

    it('ends a session for good by logout, and repeats that outcome', async () => {
      const logout = mutation({ type: 'logout' });
      await store.mutate(logout);
      store = await opened.reopen();

      expect((await store.mutate(logout)).kind).to.equal('repeated');
      expect(await store.mutate(mutation(change('a')))).to.deep.equal({ kind: 'refused', code: 'session-ended' });
      expect(
        (await store.resumeFacts({ user: 'alice', device: deviceOf('alice'), session: logout.session })).isEnded,
      ).to.equal(true);
      expect(
        (await store.resumeFacts({ user: 'alice', device: deviceOf('alice'), session: 'another' })).isEnded,
      ).to.equal(false);
    });

    it('forgets outcomes when no resume token can ask for them any more', async () => {
      const request = mutation(change('a'));
      await store.mutate(request);

      await store.prune(NOW + RESUME_TOKEN_LIFE_MS + 1);

      expect((await store.mutate(request)).kind).to.equal('applied');
    });

    it('keeps what was acknowledged, and publications, across reopening', async () => {
      await publish(store, { user: 'alice' }, entry('kept'));
      store = await opened.reopen();

      expect(await namesFound(store, query('kept'))).to.deep.equal(['kept']);
    });
  });
}
