import { expect } from 'chai';
import { FREE_RETRIES_MS } from '../../common/protocol/limits.js';
import { parseTicket } from '../../common/protocol/parse.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { waitFor } from '../support/wait-for.js';
import { publishOf, type RawReply, type RawRequest, request } from './raw-messages.js';
import { quickPasscodeHash } from './raw-passcode.js';
import { QuickHasher, TestTracker } from './test-tracker.js';

const PASSCODE = 'open sesame';
type Client = { ask(message: RawRequest): Promise<RawReply> };

describe('terms of publications', () => {
  let tracker: TestTracker;
  let hasher: QuickHasher;
  let alice: Client;
  let bob: Client;
  let carol: Client;
  beforeEach(async () => {
    hasher = new QuickHasher();
    tracker = await TestTracker.start({ users: ['alice', 'bob', 'carol', 'dave'], hasher });
    alice = (await tracker.enterTcp('alice')).client;
    bob = (await tracker.enterTcp('bob')).client;
    carol = (await tracker.enterTcp('carol')).client;
  });
  afterEach(() => tracker[Symbol.asyncDispose]());

  const publishWith = async (terms: object): Promise<string> =>
    (await alice.ask({ ...publishOf('plan.pdf'), terms }))['results'][0].publicationId;
  const change = (terms: object): Promise<RawReply> => alice.ask(request('rights', { names: ['plan.pdf'], terms }));
  const ticket = (client: Client, publicationId: string, more: object = {}): Promise<RawReply> =>
    client.ask(request('sources', { publicationId, ticket: true, ...more }));
  const outcome = async (asked: Promise<RawReply>): Promise<unknown> => {
    const reply = await asked;
    return reply.ok ? 'ok' : reply.error?.code;
  };
  const row = async (client: Client): Promise<Record<string, unknown> | undefined> =>
    (await client.ask(request('search', { text: 'plan', all: true, mine: true })))['publications'][0];
  const at = (reply: RawReply): number =>
    parseTicket(Buffer.from(String(reply['ticket']).split('.')[0] ?? '', 'base64url')).notAfter;

  describe('a passcode', () => {
    const locked = { passcodeHash: quickPasscodeHash(PASSCODE) };

    it('is asked of everybody but the owner, and lists show that there is one', async () => {
      const id = await publishWith(locked);

      expect(await outcome(ticket(bob, id))).to.equal('passcode-needed');
      expect(await outcome(ticket(bob, id, { passcode: 'guess' }))).to.equal('wrong-passcode');
      expect(await outcome(ticket(bob, id, { passcode: PASSCODE }))).to.equal('ok');
      expect(await outcome(ticket(alice, id))).to.equal('ok');
      expect(await row(carol)).to.include({ locked: true, rights: 'public' });
      expect(JSON.stringify(await row(alice)), 'the hash stays with the tracker').not.to.contain('argon2');
    });

    it('that was given is not asked again for renewed tickets, also after a restart, and never counts for others', async () => {
      const id = await publishWith(locked);
      await ticket(bob, id, { passcode: PASSCODE });
      await tracker.close();
      await tracker.open();
      const { client: bobAgain } = await tracker.enterTcp('bob');
      const { client: carolAgain } = await tracker.enterTcp('carol');

      expect(await outcome(ticket(bobAgain, id))).to.equal('ok');
      expect(await outcome(ticket(carolAgain, id))).to.equal('passcode-needed');
    });

    it('that is new must be given by those who knew the old one, and their tickets are revoked', async () => {
      const id = await publishWith(locked);
      await ticket(bob, id, { passcode: PASSCODE });

      await change({ passcodeHash: quickPasscodeHash('another') });

      expect(await outcome(ticket(bob, id))).to.equal('passcode-needed');
      expect(await outcome(ticket(bob, id, { passcode: PASSCODE }))).to.equal('wrong-passcode');
      expect((await alice.ask(request('revocations', { since: 0 })))['revocations']).to.have.nested.property(
        '[0].subject',
        id,
      );
      expect(await outcome(change({ passcodeHash: null }))).to.equal('ok');
      expect(await outcome(ticket(carol, id))).to.equal('ok');
    });

    it('is kept by a publication that is published again without terms', async () => {
      const id = await publishWith(locked);

      await alice.ask(publishOf('plan.pdf'));

      expect(await outcome(ticket(bob, id))).to.equal('passcode-needed');
    });

    it('is guessed slowly, whatever a user guesses at, without any effect on others or on logins', async () => {
      const id = await publishWith(locked);
      const codes: unknown[] = [];
      for (let tries = 0; tries < 8; tries += 1)
        codes.push(await outcome(ticket(bob, id, { passcode: `guess ${tries}` })));

      expect(codes.slice(0, 5)).to.deep.equal(Array(5).fill('wrong-passcode'));
      expect(codes.slice(5)).to.deep.equal(Array(3).fill('rate-limited'));
      expect(await outcome(ticket(bob, id, { passcode: PASSCODE })), 'no right guess gets through either').to.equal(
        'rate-limited',
      );
      expect(await outcome(ticket(carol, id, { passcode: PASSCODE }))).to.equal('ok');
      expect((await tracker.enterTcp('bob', { serving: false })).grant.user).to.equal('bob');
    });

    it('is one try however often its request is sent', async () => {
      const id = await publishWith(locked);
      const before = hasher.verified;
      const guess = request('sources', { publicationId: id, ticket: true, passcode: 'guess' });

      for (let sent = 0; sent < 20; sent += 1) expect(await outcome(bob.ask(guess))).to.equal('wrong-passcode');

      expect(hasher.verified - before).to.equal(1);
    });

    it('costs no work, and changes no byte, where the publication is hidden or does not exist', async () => {
      const id = await publishWith(locked);
      await alice.ask(request('rights', { names: ['plan.pdf'], rights: { users: ['bob'], groups: [] } }));
      const before = hasher.verified;
      const asked = async (publicationId: string): Promise<string> =>
        JSON.stringify({ ...(await ticket(carol, publicationId, { passcode: PASSCODE })), id: '' });

      expect(await asked(id)).to.equal(await asked('x'.repeat(21)));
      expect(hasher.verified).to.equal(before);
    });

    it('whose hash would cost the tracker more is refused', async () => {
      const costly = quickPasscodeHash(PASSCODE).replace('t=2', 't=9');

      expect(await outcome(alice.ask({ ...publishOf('plan.pdf'), terms: { passcodeHash: costly } }))).to.equal(
        'bad-message',
      );
    });
  });

  describe('an expiry date', () => {
    it('hides the publication from all but its owner, and no ticket outlives it', async () => {
      const expiresAt = Date.now() + 400;
      const id = await publishWith({ expiresAt });

      expect(at(await ticket(bob, id))).to.equal(expiresAt);
      await waitFor(async () => (await row(bob)) === undefined);

      expect(await outcome(ticket(bob, id))).to.equal('not-found');
      expect(await row(alice)).to.include({ expiresAt });
      expect((await bob.ask(request('listPeers')))['peers'][0]).to.include({ user: 'alice', publications: 0 });
      await change({ expiresAt: null });
      expect(await outcome(ticket(bob, id))).to.equal('ok');
    });

    it('is kept to the millisecond by tickets, before lists have noticed', async () => {
      const clock = new VirtualClock();
      await using slow = await TestTracker.start({ clock });
      const { client: owner } = await slow.enterTcp('alice');
      const { client: other } = await slow.enterTcp('bob');
      const expiresAt = Math.floor(clock.now()) + 500;
      const id = (await owner.ask({ ...publishOf('plan.pdf'), terms: { expiresAt } }))['results'][0].publicationId;

      const codes = [await outcome(ticket(other, id))];
      clock.advance(501);
      codes.push(await outcome(ticket(other, id)));

      expect(codes).to.deep.equal(['ok', 'not-found']);
    });

    it('that is set later revokes what was given before', async () => {
      const id = await publishWith({});
      await ticket(bob, id);

      await change({ expiresAt: Date.now() - 1 });

      for (const client of [alice, bob])
        expect((await client.ask(request('revocations', { since: 0 })))['revocations']).to.have.nested.property(
          '[0].subject',
          id,
        );
      expect((await carol.ask(request('revocations', { since: 0 })))['revocations']).to.deep.equal([]);
    });

    it('that passed while no tracker ran hides from the first moment', async () => {
      await publishWith({ expiresAt: Date.now() + 50 });
      await tracker.close();
      await waitFor(() => new Promise((done) => setTimeout(done, 60, true)));
      await tracker.open();

      expect(await row((await tracker.enterTcp('bob')).client)).to.equal(undefined);
    });
  });

  describe('a number of downloads', () => {
    it('counts each user once, and says so when they are used up', async () => {
      const id = await publishWith({ downloads: { most: 1, burn: false } });

      const codes = [ticket(alice, id), ticket(bob, id), ticket(bob, id), ticket(carol, id)];

      expect(await Promise.all(codes.map(outcome))).to.deep.equal(['ok', 'ok', 'ok', 'used-up']);
      expect(await row(carol)).to.deep.include({ downloads: { most: 1, burn: false, left: 0 } });
    });

    it('is not passed by tickets asked for at the same moment', async () => {
      const id = await publishWith({ downloads: { most: 2, burn: false } });
      const { client: dave } = await tracker.enterTcp('dave');

      const codes = await Promise.all([bob, carol, dave].map((client) => outcome(ticket(client, id))));

      expect(codes.toSorted()).to.deep.equal(['ok', 'ok', 'used-up']);
    });

    it('begins anew when it is given anew, and counts again a day later', async () => {
      const id = await publishWith({ downloads: { most: 1, burn: false } });
      await ticket(bob, id);
      await change({ downloads: { most: 1, burn: false } });
      const anew = await outcome(ticket(carol, id));

      const user = { user: 'carol', device: 'c'.repeat(64), fileId: 'ab'.repeat(32), size: 1_000 };
      const later = await tracker.store.admit(
        { publicationId: id, ...user, at: Date.now() + FREE_RETRIES_MS + 1 },
        { provenHash: undefined },
      );

      expect([anew, later]).to.deep.equal(['ok', 'used-up']);
    });

    it('has no swarm: only the publisher is a source, and who fetched it cannot become one', async () => {
      const id = await publishWith({});
      const hold = { publicationId: id, fileId: 'ab'.repeat(32), has: 'all' };
      await ticket(bob, id);
      expect(await outcome(bob.ask(request('hold', hold)))).to.equal('ok');

      await change({ downloads: { most: 5, burn: false } });

      const sources = async (): Promise<unknown[]> =>
        (await ticket(carol, id))['sources'].map(({ user }: { user: string }) => user);
      expect(await sources()).to.deep.equal(['alice']);
      expect(await outcome(bob.ask(request('hold', hold)))).to.equal('not-allowed');
      expect(await sources()).to.deep.equal(['alice']);
    });

    it('that burns hides the publication from all whom it did not count', async () => {
      const id = await publishWith({ downloads: { most: 1, burn: true } });

      await ticket(bob, id);

      expect(await row(carol)).to.equal(undefined);
      expect(await outcome(ticket(carol, id))).to.equal('not-found');
      expect(await outcome(ticket(bob, id)), 'whose download may have failed').to.equal('ok');
      expect(await row(alice)).to.deep.include({ downloads: { most: 1, burn: true, left: 0 } });
      await tracker.store.expire(Date.now() + FREE_RETRIES_MS + 1);
      expect(await row(bob)).to.equal(undefined);
    });
  });
});
