import { expect } from 'chai';
import { encodeJson } from '../../common/protocol/json.js';
import { waitFor } from '../support/wait-for.js';
import type { RawReply } from './raw-messages.js';
import { publishOf, request } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

const NOWHERE = 'x'.repeat(21);

describe('rights', () => {
  let tracker: TestTracker;
  beforeEach(async () => {
    tracker = await TestTracker.start({ users: ['alice', 'bob', 'carol'] });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  type Client = { ask(message: ReturnType<typeof request>): Promise<RawReply> };

  const idOf = (reply: RawReply): string =>
    (reply['results'] as { publicationId: string }[])[0]?.publicationId ?? 'none';
  const found = async (client: Client, text = ''): Promise<string[]> =>
    ((await client.ask(request('search', { text, all: true, mine: true })))['publications'] as { name: string }[]).map(
      ({ name }) => name,
    );
  const limit = (client: Client, users: string[], groups: string[] = []): Promise<RawReply> =>
    client.ask(request('rights', { names: ['plan.pdf'], rights: { users, groups } }));
  const publishFor = (client: Client, users: string[]): Promise<RawReply> =>
    client.ask({ ...publishOf('plan.pdf'), rights: { users, groups: [] } });

  for (const transport of ['enterTcp', 'enterUdp'] as const) {
    it(`answer what is hidden and what does not exist with the same bytes (${transport})`, async () => {
      const { client: alice } = await tracker.enterTcp('alice');
      const { client: carol } = await tracker[transport]('carol');
      const before = await carol.ask(request('search', { text: 'plan', all: true }));
      const publicationId = idOf(await publishFor(alice, ['bob']));

      const bytes = (reply: RawReply): string => encodeJson({ ...reply, id: 'same' }).toString();
      const asked = async (id: string): Promise<string[]> => [
        bytes(await carol.ask(request('sources', { publicationId: id, ticket: true }))),
        bytes(await carol.ask(request('sources', { publicationId: id, ticket: false }))),
        bytes(await carol.ask(request('hold', { publicationId: id, fileId: 'ab'.repeat(32), has: 'all' }))),
        bytes(await carol.ask(request('hold', { publicationId: id, fileId: 'ab'.repeat(32), has: 'none' }))),
      ];

      expect(await asked(publicationId)).to.deep.equal(await asked(NOWHERE));
      for (const fields of [{ exact: true, text: 'plan.pdf' }, { owner: 'alice' }, { idPrefix: 'ab'.repeat(32) }, {}])
        expect(bytes(await carol.ask(request('search', { text: 'plan', all: true, ...fields })))).to.equal(
          bytes(before),
        );
    });
  }

  it('let listed users find and fetch it, and tell only the owner for whom it is', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');

    const publicationId = idOf(await publishFor(alice, ['BOB']));

    const rightsSeen = async (client: Client): Promise<unknown> =>
      ((await client.ask(request('search', { text: 'plan', mine: true })))['publications'] as { rights: unknown }[])[0]
        ?.rights;
    expect(await rightsSeen(alice)).to.deep.equal({ users: ['bob'], groups: [] });
    expect(await rightsSeen(bob)).to.equal('limited');
    expect(await bob.ask(request('sources', { publicationId, ticket: true }))).to.have.property('ticket');
  });

  it('are kept by a publication that is published again, and are not taken from the library revision', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: carol } = await tracker.enterTcp('carol');
    await publishFor(alice, ['bob']);

    const again = await alice.ask(publishOf('plan.pdf'));

    expect(again).to.have.nested.property('results[0].rights', 'limited');
    expect(again['libraryRevision']).to.equal(1);
    expect(await found(carol)).to.deep.equal([]);
  });

  it('leave hidden publications out of the counts of listPeers, also while the library is not live', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    const { client: carol } = await tracker.enterTcp('carol');
    const countOf = async (client: Client): Promise<unknown> =>
      ((await client.ask(request('listPeers')))['peers'] as { user: string; publications: number }[]).find(
        ({ user }) => user === 'alice',
      )?.publications;
    await alice.ask(publishOf('open.txt'));
    await publishFor(alice, ['bob']);

    expect([await countOf(bob), await countOf(carol)]).to.deep.equal([2, 1]);
    await tracker.close();
    await tracker.open();
    const { client: bobAgain } = await tracker.enterTcp('bob');
    const { client: carolAgain } = await tracker.enterTcp('carol');
    const { client: aliceAgain } = await tracker.enterTcp('alice');
    await aliceAgain.ask(publishOf('plan.pdf'));

    expect([await countOf(bobAgain), await countOf(carolAgain)]).to.deep.equal([1, 0]);
  });

  it('refuse names that do not exist, and change nothing then', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: carol } = await tracker.enterTcp('carol');
    await alice.ask(publishOf('plan.pdf'));

    const replies = [await limit(alice, ['bob', 'nobody']), await limit(alice, [], ['nogroup'])];
    const published = await alice.ask({ ...publishOf('new.pdf'), rights: { users: ['nobody'], groups: [] } });

    for (const reply of [...replies, published])
      expect(reply).to.have.nested.property('results[0].error.code', 'unknown-name');
    expect(await found(carol)).to.deep.equal(['plan.pdf']);
  });

  it('of others cannot be changed', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    await publishFor(alice, []);

    const reply = await bob.ask(request('rights', { names: ['plan.pdf'], rights: 'public' }));

    expect(reply).to.have.nested.property('results[0].error.code', 'not-found');
    expect(await found(bob)).to.deep.equal([]);
  });

  describe('when they become narrower', () => {
    const revocationsOf = async (client: Client): Promise<unknown[]> =>
      (
        (await client.ask(request('revocations', { since: 0 })))['revocations'] as { subject: string; user?: string }[]
      ).map(({ subject, user }) => `${subject} ${user}`);

    it('revoke the tickets of those who lost the right alone, and tell only those whom it concerns', async () => {
      const { client: alice } = await tracker.enterTcp('alice');
      const { client: bob } = await tracker.enterTcp('bob');
      const { client: carol } = await tracker.enterTcp('carol');
      const publicationId = idOf(await alice.ask(publishOf('plan.pdf')));
      for (const client of [bob, carol]) await client.ask(request('sources', { publicationId, ticket: true }));

      await limit(alice, ['bob']);

      expect(await revocationsOf(alice)).to.deep.equal([`${publicationId} carol`]);
      expect(await revocationsOf(bob), 'may hold a copy, so must refuse carol').to.deep.equal([
        `${publicationId} carol`,
      ]);
      expect(await revocationsOf(carol)).to.deep.equal([]);
      expect(await carol.ask(request('sources', { publicationId, ticket: true }))).to.have.nested.property(
        'error.code',
        'not-found',
      );
    });

    it('a holder who lost the right is a source no more, and cannot become one again', async () => {
      const { client: alice } = await tracker.enterTcp('alice');
      const { client: bob } = await tracker.enterTcp('bob');
      const { client: carol } = await tracker.enterTcp('carol');
      const publicationId = idOf(await alice.ask(publishOf('plan.pdf')));
      const hold = request('hold', { publicationId, fileId: 'ab'.repeat(32), has: 'all' });
      await carol.ask(request('sources', { publicationId, ticket: true }));
      expect(await carol.ask(hold)).to.have.property('ok', true);
      const sources = async (): Promise<string[]> =>
        ((await bob.ask(request('sources', { publicationId, ticket: false })))['sources'] as { user: string }[]).map(
          ({ user }) => user,
        );
      expect((await sources()).toSorted()).to.deep.equal(['alice', 'carol']);

      await limit(alice, ['bob']);

      await waitFor(async () => (await sources()).length === 1);
      expect(await sources()).to.deep.equal(['alice']);
      expect(await carol.ask({ ...hold, id: 'again' })).to.have.nested.property('error.code', 'not-found');
    });

    it('a group that is left, or removed, takes the right with it', async () => {
      const { client: alice } = await tracker.enterTcp('alice');
      const { client: bob } = await tracker.enterTcp('bob');
      const { client: carol } = await tracker.enterTcp('carol');
      const { store } = tracker;
      await store.addGroup('team');
      const join = { kind: 'join', users: ['bob', 'carol'], at: Date.now() } as const;
      expect(await store.changeMembers('team', join)).to.deep.equal({ unknown: [] });
      const publicationId = idOf(await alice.ask(publishOf('plan.pdf')));
      await limit(alice, [], ['team']);
      for (const client of [bob, carol])
        expect(await client.ask(request('sources', { publicationId, ticket: true }))).to.have.property('ticket');

      await store.changeMembers('team', { ...join, kind: 'leave', users: ['carol'] });
      const afterLeaving = [await found(bob), await found(carol), await revocationsOf(alice)];
      await store.removeGroup('team', Date.now());

      expect(afterLeaving).to.deep.equal([['plan.pdf'], [], [`${publicationId} carol`]]);
      expect(await found(bob)).to.deep.equal([]);
      expect(await found(alice)).to.deep.equal(['plan.pdf']);
      expect(await revocationsOf(alice)).to.deep.equal([`${publicationId} carol`, `${publicationId} bob`]);
    });

    it('a ticket that is recorded after the change is revoked as it is recorded', async () => {
      const { client: alice } = await tracker.enterTcp('alice');
      const publicationId = idOf(await publishFor(alice, ['bob']));

      const carol = { user: 'carol', device: 'c'.repeat(64) };
      await tracker.store.recordTicket({ publicationId, ...carol, fileId: 'a', size: 1, at: Date.now() });

      expect(await revocationsOf(alice)).to.deep.equal([`${publicationId} carol`]);
    });
  });

  it('do not pass to somebody who gets the name of a removed user', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    await publishFor(alice, ['bob']);
    await tracker.store.changeAccount('bob', { kind: 'remove' }, Date.now());
    await tracker.store.createAccount({
      user: 'bob',
      passwordHash: await tracker.hasher.hash((await import('./raw-messages.js')).userOf('bob').password),
      at: Date.now(),
    });

    const { client: newBob } = await tracker.enterTcp('bob');

    expect(await found(newBob)).to.deep.equal([]);
  });
});
