/** Bans, limits, rights of administrators and the audit, over the protocol and as their subjects meet them. */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { encodeHello } from '../../common/wire/datagrams.js';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp, RawUdp } from './raw-client.js';
import { publishOf, type RawReply, request, resumeOf, userOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

type Row = Record<string, unknown>;

const entryOf = (name: string): object => (publishOf(name)['entries'] as object[])[0]!;

describe('an administrator', () => {
  let tracker: TestTracker;
  let clock: VirtualClock;
  let root: RawTcp;
  beforeEach(async () => {
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock, users: ['root', 'alice', 'bob'] });
    await tracker.grantAdmin('root');
    ({ client: root } = await tracker.enterTcp('root', { serving: false }));
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const act = (client: RawTcp | RawUdp, action: object): Promise<RawReply> => client.ask(request('admin', { action }));
  const rows = async (what: string, more: object = {}): Promise<Row[]> =>
    (await act(root, { do: 'list', what, ...more }))['rows'] as Row[];
  const codeOf = (reply: RawReply): string => reply.error?.code ?? 'ok';

  it('is asked for anew at each request: others are refused, and so is one whose right was taken', async () => {
    const { client: alice } = await tracker.enterUdp('alice');
    expect(codeOf(await act(alice, { do: 'list', what: 'users' }))).to.equal('not-allowed');

    await act(root, { do: 'grant', user: 'ALICE', admin: true });
    expect(codeOf(await act(alice, { do: 'list', what: 'users' }))).to.equal('ok');
    await act(root, { do: 'grant', user: 'alice', admin: false });

    expect(codeOf(await act(alice, { do: 'ban', kind: 'user', subject: 'bob' }))).to.equal('not-allowed');
    const refused = await waitFor(
      async () => {
        clock.advance(250);
        return (await rows('audit', { kind: 'admin', user: 'alice' })).find(
          ({ detail }) => detail === 'refused: ban user',
        );
      },
      { what: 'the refused try in the audit' },
    );
    expect(refused).to.include({ user: 'alice', subject: 'bob' });
  });

  it('fills the audit with few of the tries of one who is refused without end, or says without end what he has', async () => {
    const { client: bob } = await tracker.enterTcp('bob');
    const { publicationId } = (await bob.ask(publishOf('a.bin')))['results'][0];
    const about = { publicationId, fileId: 'ab'.repeat(32) };

    for (let tries = 0; tries < 150; tries += 1) {
      await act(bob, { do: 'list', what: 'users' });
      const [has, acks] = [tries % 2 === 0 ? 'all' : 'none', tries === 0 ? [] : [`h${tries - 1}`]];
      expect((await bob.ask({ ...request('hold', { ...about, has, acks }), id: `h${tries}` })).ok).to.equal(true);
    }
    await clock.advanceAsync(250);

    const noted = await waitFor(async () => {
      const found = await rows('audit', { user: 'bob', limit: 1_000 });
      return found.some(({ kind }) => kind === 'fetched') && found;
    });
    const count = (wanted: string): number => noted.filter(({ kind }) => kind === wanted).length;
    expect(count('admin')).to.be.within(1, 110);
    expect(count('fetched')).to.equal(1);
  });

  it('bans a user: sessions end with a word, a right password is told why, a wrong one nothing, tickets are revoked', async () => {
    const { client: bob, grant } = await tracker.enterTcp('bob');

    await act(root, { do: 'ban', kind: 'user', subject: 'BOB', reason: 'Ask Alice.' });

    const banned = { code: 'banned', message: 'This account is banned from the tracker. Ask Alice.' };
    expect((await bob.event('ended'))['error']).to.include(banned);
    expect(codeOf(await bob.ask(request('heartbeat')))).to.equal('session-ended');
    const login = await (await tracker.tcp()).ask(tracker.login(userOf('bob')));
    expect(login.error).to.deep.equal(banned);
    const guesser = await tracker.tcp();
    const wrong = await guesser.ask(tracker.login({ ...userOf('bob'), password: 'wrong' }));
    expect(codeOf(wrong)).to.equal('login-failed');
    expect(codeOf(await (await tracker.udp()).resume(resumeOf(grant), grant.resumeKey))).to.equal('bad-token');
    const revoked = (await root.ask(request('revocations', { since: 0 })))['revocations'] as Row[];
    expect(revoked.map(({ kind, subject }) => [kind, subject])).to.deep.equal([['user', 'bob']]);

    await act(root, { do: 'unban', kind: 'user', subject: 'bob' });
    await tracker.enterTcp('bob');
  });

  it('bans a group: members are out, and so is whoever joins it later; a ban with an end ends by itself', async () => {
    await tracker.store.addGroup('interns');
    await tracker.store.changeMembers('interns', { kind: 'join', users: ['bob'], at: 1 });
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterUdp('bob');

    await act(root, { do: 'ban', kind: 'group', subject: 'interns', until: clock.now() + 60_000 });
    await bob.event('ended');
    expect((await alice.ask(request('heartbeat'))).ok).to.equal(true);
    await tracker.store.changeMembers('interns', { kind: 'join', users: ['alice'], at: 2 });
    await waitFor(
      () => {
        clock.advance(250); // the tracker looks at the clock's pace
        return alice.messages.some(({ event }) => event === 'ended');
      },
      { what: "the end of alice's session" },
    );

    clock.advance(60_000);
    await tracker.enterTcp('alice');
    await tracker.enterTcp('bob');
  });

  it('bans a network: its connections are closed, its datagrams unanswered, its sessions ended, others not', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const far = await tracker.udp('127.0.0.9');
    const grant = await far.login(tracker.login(userOf('bob')));
    expect(grant.ok).to.equal(true);

    await act(root, { do: 'ban', kind: 'network', subject: '127.0.0.8/29' });

    expect(await tracker.tcp('127.0.0.10').then(codeOf as never, () => 'closed')).to.equal('closed');
    const before = far.received.length;
    far.send(encodeHello(randomBytes(16)));
    await waitFor(() => tracker.tracker.udp.drops.banned > 0, { what: 'a dropped datagram' });
    expect(far.received.length).to.equal(before);
    expect((await alice.ask(request('heartbeat'))).ok).to.equal(true);
    expect((await rows('sessions')).find(({ user }) => user === 'bob')).to.include({ state: 'ended' });
    expect(codeOf(await act(root, { do: 'ban', kind: 'network', subject: '300.1.1.1/8' }))).to.equal('bad-message');
    expect(codeOf(await act(root, { do: 'ban', kind: 'network', subject: '127.0.0.8/33' }))).to.equal('bad-message');
  });

  it('knows a network however it is written, and lifts a ban that an older version wrote down otherwise', async () => {
    const subjects = async () => (await rows('bans')).map(({ subject }) => subject);
    for (const subject of ['203.0.113.9/24', '203.0.113.77/24', '2001:DB8:0:0::5/32', '198.51.100.7/32'])
      await act(root, { do: 'ban', kind: 'network', subject });
    expect(await subjects()).to.deep.equal(['198.51.100.7', '2001:db8::/32', '203.0.113.0/24']);
    const old = { do: 'ban', kind: 'network', subject: '192.0.2.1/24' } as const;
    await tracker.store.changePolicy(old, { at: 1, kind: 'admin', user: 'root' });

    for (const subject of ['203.0.113.0/24', '2001:db8:0::/32', '198.51.100.7', '192.0.2.1/24'])
      await act(root, { do: 'unban', kind: 'network', subject });

    expect(await subjects()).to.deep.equal([]);
  });

  it("sets quotas: a user's own before a group's, and the default again", async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const publish = async (name: string): Promise<string> => {
      const reply = await alice.ask(publishOf(name));
      return reply.ok ? (reply['results'][0].error?.code ?? 'ok') : codeOf(reply);
    };
    await tracker.store.addGroup('small');
    await tracker.store.changeMembers('small', { kind: 'join', users: ['alice'], at: 1 });

    await act(root, { do: 'limit', kind: 'group', subject: 'small', limit: 'publications', value: 1 });
    expect([await publish('a'), await publish('b')]).to.deep.equal(['ok', 'quota']);
    await act(root, { do: 'limit', kind: 'user', subject: 'alice', limit: 'publications', value: 2 });
    expect([await publish('b'), await publish('c')]).to.deep.equal(['ok', 'quota']);
    await act(root, { do: 'limit', kind: 'user', subject: 'alice', limit: 'publications' });
    await act(root, { do: 'limit', kind: 'group', subject: 'small', limit: 'publications' });
    expect(await publish('c')).to.equal('ok');
    expect(await rows('limits')).to.deep.equal([
      { kind: 'tracker', subject: '', limit: 'publications', value: 1_000_000 },
      { kind: 'tracker', subject: '', limit: 'publishRate', value: 10_000 },
      { kind: 'tracker', subject: '', limit: 'requestRate', value: 10_000 },
      { kind: 'tracker', subject: '', limit: 'relayBytes', value: 10 * 2 ** 30 },
    ]);
  });

  it('limits how much one user publishes and asks in a second; heartbeats and others are not touched', async () => {
    await act(root, { do: 'limit', kind: 'user', subject: 'alice', limit: 'publishRate', value: 1 });
    await act(root, { do: 'limit', kind: 'user', subject: 'bob', limit: 'requestRate', value: 2 });
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    const entries = Array.from({ length: 101 }, (_, index) => ({ ...entryOf('x'), name: `n${index}` }));

    expect(codeOf(await alice.ask(request('publish', { entries })))).to.equal('ok');
    const refused = await alice.ask(publishOf('one more'));
    expect(refused.error).to.include({ code: 'rate-limited', retryAfterMs: 2_000 });
    clock.advance(2_000);
    expect(codeOf(await alice.ask(publishOf('one more')))).to.equal('ok');

    const answers: string[] = [];
    for (let count = 0; count < 12; count += 1) answers.push(codeOf(await bob.ask(request('listPeers'))));
    expect(answers).to.deep.equal([...new Array(10).fill('ok'), 'rate-limited', 'rate-limited']);
    expect((await bob.ask(request('heartbeat'))).ok).to.equal(true);
    expect((await alice.ask(request('listPeers'))).ok).to.equal(true);
  });

  it('finds who logged in, who failed, who changed rights and who was given what, page by page', async () => {
    const { client: alice } = await tracker.enterTcp('alice');
    const { client: bob } = await tracker.enterTcp('bob');
    const published = await alice.ask(publishOf('plan.txt'));
    const { publicationId } = published['results'][0];
    await bob.ask(request('sources', { publicationId, ticket: true }));
    await bob.ask(request('sources', { publicationId, ticket: true }));
    await bob.ask(request('hold', { publicationId, fileId: 'ab'.repeat(32), has: 'all' }));
    await alice.ask(request('rights', { names: ['plan.txt', 'nothing'], rights: { users: ['bob'], groups: [] } }));
    await alice.ask({ ...publishOf('a.txt', 'b.txt'), rights: { users: [], groups: [] } });
    await (await tracker.tcp()).ask(tracker.login({ ...userOf('bob'), password: 'wrong' }));
    await bob.ask(request('logout'));

    const all = await waitFor(
      async () => {
        clock.advance(250);
        const found = await rows('audit');
        return found[0]?.['kind'] === 'logout' && found;
      },
      { what: 'the whole audit' },
    );

    expect(
      all.map(({ kind, user, subject, detail }) => [kind, user, subject, detail].join(' ').trim()).toReversed(),
    ).to.deep.equal([
      'admin test',
      'login root  tcp',
      'login alice  tcp',
      'login bob  tcp',
      `ticket bob ${publicationId} @alice/plan.txt`,
      `fetched bob ${publicationId} @alice/plan.txt`,
      'rights alice plan.txt users bob; groups none',
      'rights alice a.txt and 1 more users none; groups none',
      'login-failed bob  login-failed',
      'logout bob',
    ]);
    expect(all[0]).to.include({ address: '127.0.0.1' });
    const first = await act(root, { do: 'list', what: 'audit', limit: 5 });
    const second = await act(root, { do: 'list', what: 'audit', limit: 5, cursor: first['cursor'] });
    expect([...first['rows'], ...second['rows']]).to.deep.equal(all);
    expect(await rows('audit', { kind: 'ticket', user: 'BOB' })).to.have.length(1);
  });

  it('manages accounts and sees what goes on, over UDP too', async () => {
    const { client } = await tracker.enterUdp('alice');
    await act(root, { do: 'grant', user: 'alice', admin: true });

    expect(codeOf(await act(client, { do: 'user', user: 'bob', change: 'disable' }))).to.equal('ok');
    expect(codeOf(await act(client, { do: 'user', user: 'nobody', change: 'disable' }))).to.equal('unknown-name');
    expect(codeOf(await act(client, { do: 'ban', kind: 'group', subject: 'nogroup' }))).to.equal('unknown-name');

    const users = (await act(client, { do: 'list', what: 'users' }))['rows'] as Row[];
    expect(users.map(({ user, state, admin }) => [user, state, admin])).to.deep.equal([
      ['alice', 'active', true],
      ['bob', 'disabled', false],
      ['root', 'active', true],
    ]);
    const [status] = await rows('status');
    expect(status).to.include({ activeSessions: 2, servingSessions: 1, bans: 0, heartbeatMs: 2_000 });
  });

  it('adds accounts and groups, and sets passwords; what is so already is done, and no hash is in the audit', async () => {
    const hashOf = (digit: string): string => `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${digit.repeat(43)}`;
    const carol = { do: 'account', user: 'carol', isNew: true, passwordHash: hashOf('A') };
    const codes = async (...actions: readonly object[]): Promise<string[]> => {
      const found: string[] = [];
      for (const action of actions) found.push(codeOf(await act(root, action)));
      return found;
    };

    expect(
      await codes(
        carol,
        carol,
        { ...carol, passwordHash: hashOf('B') },
        { ...carol, isNew: false, passwordHash: hashOf('C') },
        { ...carol, isNew: false, user: 'nobody' },
        { ...carol, passwordHash: hashOf('D').replace('t=2', 't=9') },
        { do: 'group', group: 'team', change: 'add' },
        { do: 'group', group: 'team', change: 'add' },
        { do: 'members', group: 'team', change: 'join', users: ['carol', 'alice'] },
        { do: 'members', group: 'team', change: 'leave', users: ['alice', 'nobody'] },
        { do: 'depot', user: 'carol', appointed: true },
        { do: 'group', group: 'no-such', change: 'remove' },
      ),
    ).to.deep.equal([
      ...['ok', 'ok', 'name-taken', 'ok', 'unknown-name', 'bad-message'],
      ...['ok', 'name-taken', 'ok', 'unknown-name', 'ok', 'unknown-name'],
    ]);
    expect((await tracker.store.findAccount('carol'))?.passwordHash).to.equal(hashOf('C'));
    expect(await rows('groups')).to.deep.equal([{ group: 'team', members: 2, users: 'alice carol' }]);
    const audit = await rows('audit', { kind: 'admin', user: 'root' });
    expect(audit.map(({ subject, detail }) => `${subject} ${detail}`)).to.deep.equal([
      'carol appoint',
      'team group join carol,alice',
      'team group add',
      'carol user password',
      'carol user add',
      'carol user add',
    ]);
  });

  it('finds bans, limits and the audit again after a restart', async () => {
    await act(root, { do: 'ban', kind: 'user', subject: 'bob' });
    await act(root, { do: 'limit', kind: 'user', subject: 'alice', limit: 'publications', value: 0 });

    await tracker.close();
    await tracker.open();

    expect(codeOf(await (await tracker.tcp()).ask(tracker.login(userOf('bob'))))).to.equal('banned');
    const { client: alice } = await tracker.enterTcp('alice');
    expect((await alice.ask(publishOf('a')))['results'][0].error?.code).to.equal('quota');
    ({ client: root } = await tracker.enterTcp('root'));
    expect(await rows('audit', { kind: 'admin', user: 'root' })).to.have.length(2);
  });
});
