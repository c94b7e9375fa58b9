import { expect } from 'chai';
import { TICKET_LIFE_MS } from '../../common/protocol/limits.js';
import { parseTicket } from '../../common/protocol/parse.js';
import { publishOf, type RawReply, type RawRequest, request, userOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

type Client = { ask(message: RawRequest): Promise<RawReply> };
const OLD = 'ab'.repeat(32);
const NEW = 'cd'.repeat(32);

const entryOf = (name: string, fileId: string, more: object = {}) => ({
  name,
  fileId,
  size: 1_000,
  kind: 'file',
  ...more,
});
const named = async (client: Client, text: string): Promise<Record<string, unknown>[]> =>
  (await client.ask(request('search', { text, all: true, mine: true })))['publications'];

describe('content that is replaced', () => {
  let tracker: TestTracker;
  let alice: Client;
  let bob: Client;
  let carol: Client;
  let publicationId: string;
  beforeEach(async () => {
    tracker = await TestTracker.start({ users: ['alice', 'bob', 'carol'] });
    alice = (await tracker.enterTcp('alice')).client;
    bob = (await tracker.enterTcp('bob')).client;
    carol = (await tracker.enterTcp('carol')).client;
    publicationId = (await alice.ask(publishOf('plan.pdf')))['results'][0].publicationId;
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const replace = (): Promise<RawReply> =>
    alice.ask(request('publish', { entries: [entryOf('plan.pdf', NEW, { replace: true, size: 2_000 })] }));
  const content = async (client: Client, fields: object): Promise<unknown> => {
    const { fileId, size, revision, ticket } = await client.ask(request('sources', { publicationId, ...fields }));
    const given = ticket === undefined ? undefined : parseTicket(Buffer.from(ticket.split('.')[0], 'base64url'));
    return [fileId, size, revision, given?.fileId];
  };

  it('is given on to who has begun with it, and to nobody else', async () => {
    await content(bob, { ticket: true });
    await replace();

    expect(await content(bob, { ticket: true, fileId: OLD }), 'goes on').to.deep.equal([OLD, 1_000, 2, OLD]);
    expect(await content(bob, { ticket: false, fileId: OLD })).to.deep.equal([OLD, 1_000, 2, undefined]);
    expect(await content(bob, { ticket: true }), 'begins anew').to.deep.equal([NEW, 2_000, 2, NEW]);
    expect(await content(carol, { ticket: true, fileId: OLD }), 'knows the id alone').to.deep.equal([
      NEW,
      2_000,
      2,
      NEW,
    ]);
  });

  it('is given no longer when the ticket for it has run out', async () => {
    const begun = async (user: string, agoMs: number): Promise<Client> => {
      const raw = userOf(user);
      const ticket = { publicationId, fileId: OLD, size: 1_000, user, device: raw.device.pin };
      await tracker.store.recordTicket({ ...ticket, at: Date.now() - agoMs });
      return (await tracker.enterTcp(raw, { serving: false })).client;
    };
    const [fresh, late] = [await begun('bob', TICKET_LIFE_MS - 60_000), await begun('carol', TICKET_LIFE_MS)];

    await replace();

    expect(await content(fresh, { ticket: true, fileId: OLD })).to.deep.equal([OLD, 1_000, 2, OLD]);
    expect(await content(late, { ticket: true, fileId: OLD })).to.deep.equal([NEW, 2_000, 2, NEW]);
  });

  it('is given to nobody who may not fetch the publication any more', async () => {
    await content(bob, { ticket: true });
    await replace();
    await alice.ask(request('rights', { names: ['plan.pdf'], rights: { users: [], groups: [] } }));

    const reply = await bob.ask(request('sources', { publicationId, ticket: true, fileId: OLD }));

    expect(reply.error?.code).to.equal('not-found');
  });
});

describe('rename', () => {
  let tracker: TestTracker;
  let alice: Client;
  let publicationId: string;
  beforeEach(async () => {
    tracker = await TestTracker.start({ users: ['alice', 'bob'] });
    alice = (await tracker.enterTcp('alice')).client;
    publicationId = (await alice.ask(publishOf('plan.pdf', 'other.pdf')))['results'][0].publicationId;
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const rename = (client: Client, name: string, id = publicationId): Promise<RawReply> =>
    client.ask(request('rename', { entries: [{ publicationId: id, name }] }));
  const code = (reply: RawReply): unknown => reply['results'][0].error?.code ?? 'ok';

  it('gives another name and keeps all else; the old name finds nothing, the new one is found', async () => {
    const before = await named(alice, 'plan.pdf');

    const reply = await rename(alice, 'Sommerplan.pdf');

    const { client: bob } = await tracker.enterTcp('bob');
    expect([code(reply), reply['libraryRevision']]).to.deep.equal(['ok', 3]);
    expect(await named(bob, 'plan.pdf')).to.deep.equal([{ ...before[0], name: 'Sommerplan.pdf' }]);
    expect(await named(bob, 'Sommer')).to.have.length(1);
    expect(await named(bob, 'plan.pdf')).to.have.length(1);
    const exact = request('search', { text: 'plan.pdf', exact: true, all: true });
    expect((await bob.ask(exact))['publications']).to.deep.equal([]);
  });

  it('is the same when it is asked again', async () => {
    await rename(alice, 'new.pdf');

    const again = await rename(alice, 'new.pdf');

    expect([code(again), again['libraryRevision']]).to.deep.equal(['ok', 3]);
  });

  it('refuses names that are taken or not allowed, and what is not mine as if it did not exist', async () => {
    const { client: bob } = await tracker.enterTcp('bob');

    expect(code(await rename(alice, 'other.pdf'))).to.equal('name-taken');
    expect(code(await rename(alice, '../x'))).to.equal('bad-name');
    expect(JSON.stringify((await rename(bob, 'x.pdf'))['results'])).to.equal(
      JSON.stringify((await rename(bob, 'x.pdf', 'x'.repeat(21)))['results']),
    );
    expect(await named(alice, 'plan.pdf')).to.have.length(1);
  });

  it('is for the device that publishes it: another one would go on under the old name', async () => {
    const elsewhere = (await tracker.enterTcp(userOf('alice'), { serving: false })).client;

    expect(code(await rename(elsewhere, 'new.pdf'))).to.equal('not-allowed');
  });
});
