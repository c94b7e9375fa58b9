import { expect } from 'chai';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp, RawUdp } from './raw-client.js';
import { publishOf, type RawReply, request, userOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

type Match = RawReply & {
  readonly search: string;
  readonly publicationIds: readonly string[];
  readonly more?: boolean;
};

describe('saved searches', () => {
  let tracker: TestTracker;
  beforeEach(async () => {
    tracker = await TestTracker.start({ users: ['alice', 'bob', 'carol'] });
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const matchesOf = ({ messages }: RawTcp | RawUdp): readonly Match[] =>
    messages.filter((message) => message['event'] === 'match') as unknown as Match[];
  const idsOf = (client: RawTcp | RawUdp): string[] =>
    matchesOf(client).flatMap(({ search, publicationIds }) => publicationIds.map((id) => `${search} ${id}`));

  /** Events go out before the replies that are asked for after them. */
  async function told(client: RawTcp | RawUdp): Promise<string[]> {
    await client.ask(request('heartbeat'));
    return idsOf(client);
  }

  async function publish(client: RawTcp | RawUdp, fields: object): Promise<string> {
    const entry = { name: 'x', fileId: 'ab'.repeat(32), size: 1_000, kind: 'file', ...fields };
    const reply = await client.ask(request('publish', { entries: [entry] }));
    return reply['results'][0].publicationId as string;
  }

  for (const kind of ['TCP', 'UDP'] as const) {
    it(`are answered over ${kind} by a match event that names what was published`, async () => {
      const { client: alice } = await tracker.enterTcp('alice');
      const { client: bob } = kind === 'TCP' ? await tracker.enterTcp('bob') : await tracker.enterUdp('bob');
      await bob.ask(request('searches', { searches: [{ search: 's1', text: 'Report' }] }));

      const id = await publish(alice, { name: 'Report of May.pdf' });
      await publish(alice, { name: 'report in other letters' });
      const event = await waitFor(() => matchesOf(bob)[0], { what: 'a match' });

      expect(event)
        .to.include({ search: 's1' })
        .and.to.deep.include({ publicationIds: [id] });
      await bob.ask(request('heartbeat', { seen: [event['eventId']] }));
      expect(await told(bob)).to.deep.equal([`s1 ${id}`]);
    });
  }

  it('match by every filter, and again when the content is replaced, but not when nothing changed', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    const filtered = { owner: 'ALICE', minSize: 10, maxSize: 20, endings: ['PDF'], publishedAfter: 1, kind: 'file' };
    await bob.ask(request('searches', { searches: [{ search: 's1', text: 'may', ignoreCase: true, ...filtered }] }));

    await publish(alice, { name: 'May small.pdf', size: 9 });
    await publish(alice, { name: 'May large.pdf', size: 21 });
    await publish(alice, { name: 'May.txt', size: 15 });
    const id = await publish(alice, { name: 'May.pdf', size: 15 });
    await publish(alice, { name: 'May.pdf', size: 15 });
    await publish(alice, { name: 'May.pdf', size: 16, fileId: 'cd'.repeat(32), replace: true });

    await waitFor(() => idsOf(bob).length === 2, { what: 'both matches' });
    expect(await told(bob)).to.deep.equal([`s1 ${id}`, `s1 ${id}`]);
  });

  it('never match my own, nor what I may not fetch', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    const { client: carol } = await tracker.enterTcp('carol');
    for (const client of [alice, bob, carol])
      await client.ask(request('searches', { searches: [{ search: 'all', text: '' }] }));
    const entry = { name: 'secret', fileId: 'ab'.repeat(32), size: 1, kind: 'file' };

    const reply = await alice.ask(request('publish', { entries: [entry], rights: { users: ['bob'], groups: [] } }));

    await waitFor(() => idsOf(bob).length === 1, { what: 'a match' });
    expect(await told(bob)).to.deep.equal([`all ${reply['results'][0].publicationId}`]);
    expect(await told(carol)).to.deep.equal([]);
    expect(await told(alice)).to.deep.equal([]);
  });

  it('match when rights let me see what was hidden, and not when I saw it before', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    await alice.ask({ ...publishOf('open.pdf') });
    const hidden = await alice.ask({ ...publishOf('plan.pdf'), rights: { users: [], groups: [] } });
    await bob.ask(request('searches', { searches: [{ search: 'all', text: '' }] }));

    for (const rights of [{ users: ['bob'], groups: [] }, { users: ['bob', 'carol'], groups: [] }, 'public'])
      await alice.ask(request('rights', { names: ['open.pdf', 'plan.pdf'], rights }));

    await waitFor(() => idsOf(bob).length === 1, { what: 'a match' });
    expect(await told(bob)).to.deep.equal([`all ${hidden['results'][0].publicationId}`]);
  });

  it('match when something gets a name that is looked for', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    const id = await publish(alice, { name: 'draft.pdf' });
    await bob.ask(request('searches', { searches: [{ search: 's1', text: 'final' }] }));

    await alice.ask(request('rename', { entries: [{ publicationId: id, name: 'final.pdf' }] }));

    await waitFor(() => idsOf(bob).length === 1, { what: 'a match' });
    expect(idsOf(bob)).to.deep.equal([`s1 ${id}`]);
  });

  it('with sources match what was there before, when its publisher comes online with it', async () => {
    const aliceUser = userOf('alice');
    const { client: before } = await tracker.enterTcp(aliceUser);
    const id = await publish(before, { name: 'plan.pdf' });
    await publish(before, { name: 'other' });
    await before.ask(request('logout'));
    const { client: bob } = await tracker.enterTcp('bob');
    const wanted = { search: 'up', text: 'plan', sources: true };
    await bob.ask(request('searches', { searches: [wanted, { search: 'new', text: 'plan' }] }));

    await tracker.enterTcp('carol');
    const { client: alice } = await tracker.enterTcp(aliceUser, { libraryRevision: 2 });

    await waitFor(() => idsOf(bob).length > 0, { what: 'a match' });
    await alice.ask(request('heartbeat'));
    expect(new Set(await told(bob))).to.deep.equal(new Set([`up ${id}`]));
  });

  it('are replaced by the next list, and end with an empty one and with the session', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    const { client: carol } = await tracker.enterTcp('carol');
    await bob.ask(request('searches', { searches: [{ search: 'old', text: '' }] }));
    await bob.ask(request('searches', { searches: [{ search: 'new', text: '' }] }));
    await carol.ask(request('searches', { searches: [{ search: 'mine', text: '' }] }));
    await carol.ask(request('logout'));

    const first = await publish(alice, { name: 'one' });
    await waitFor(() => idsOf(bob).length > 0, { what: 'a match' });
    await bob.ask(request('searches', { searches: [] }));
    await publish(alice, { name: 'two' });
    await publish(alice, { name: 'three' });

    expect(await told(bob)).to.deep.equal([`new ${first}`]);
    expect(idsOf(carol)).to.deep.equal([]);
  });

  it('say that there are more instead of sending thousands of ids', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    await bob.ask(request('searches', { searches: [{ search: 's1', text: 'f' }] }));

    await alice.ask(publishOf(...Array.from({ length: 1_000 }, (_, index) => `f${index}`)));

    const last = await waitFor(() => matchesOf(bob).find(({ more }) => more === true), { what: 'the last match' });
    expect(last.publicationIds).to.deep.equal([]);
    expect(matchesOf(bob).length).to.be.at.most(32);
  });

  it('are bounded for a user too: those of the session that is silent for longest make way', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const searches = Array.from({ length: 32 }, (_, index) => ({ search: `s${index}`, text: `${index}` }));
    searches[0] = { search: 'all', text: '' };
    const device = userOf('bob');
    const sessions: RawTcp[] = [];
    for (let count = 0; count < 5; count += 1) {
      const { client } = await tracker.enterTcp(device, { serving: false });
      await client.ask(request('searches', { searches }));
      sessions.push(client);
    }

    const id = await publish(alice, { name: 'x' });
    for (const client of sessions.slice(1)) await waitFor(() => idsOf(client).includes(`all ${id}`));

    expect(await told(sessions[0]!)).to.deep.equal([]);
  });

  it('are bounded in number and in length', async () => {
    const { client: bob } = await tracker.enterTcp('bob');
    const searches = Array.from({ length: 33 }, (_, index) => ({ search: `s${index}`, text: '' }));
    const code = async (fields: object): Promise<string | undefined> =>
      (await bob.ask(request('searches', fields))).error?.code;

    expect(await code({ searches })).to.equal('bad-message');
    expect(await code({ searches: [{ search: 's1', text: 'x'.repeat(256) }] })).to.equal('bad-message');
    expect(await code({ searches: [{ search: 's1', text: '', endings: ['x'.repeat(17)] }] })).to.equal('bad-message');
    expect(await code({ searches: searches.slice(0, 32) })).to.equal(undefined);
  });
});
