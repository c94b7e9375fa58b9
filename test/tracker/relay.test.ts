import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { MAX_MEETINGS_ASKED, MAX_RELAYS_PER_USER, MEETING_LIFE_MS } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { waitFor } from '../support/wait-for.js';
import type { RawTcp } from './raw-client.js';
import { publishOf, type RawGrant, type RawReply, request, resumeOf } from './raw-messages.js';
import { helloOf, newToken, RelayEnd } from './relay-end.js';
import { grantOf, TestTracker } from './test-tracker.js';

const MIB = 1024 * 1024;
const SHARE = 100_000;
const LIMITS = { publications: 1_000, publishRate: 0, requestRate: 0, relayBytes: 100 * MIB };

interface Entered {
  readonly client: RawTcp;
  readonly grant: RawGrant;
}

/** Alice has a file that Bob may fetch; neither can dial the other. */
describe('the relay', () => {
  let clock: VirtualClock;
  let tracker: TestTracker;
  let alice: Entered;
  let bob: Entered;
  let eve: Entered;
  let source: { readonly publicationId: string; readonly device: string };
  const ends: RelayEnd[] = [];
  before(async () => {
    clock = new VirtualClock();
    tracker = await TestTracker.start({ clock, users: ['alice', 'bob', 'carol', 'eve'], limits: LIMITS });
    [alice, bob, eve] = [await tracker.enterTcp('alice'), await tracker.enterTcp('bob'), await tracker.enterTcp('eve')];
    const published = await alice.client.ask(publishOf('plan.bin'));
    const { publicationId } = published['results'][0];
    const found = await bob.client.ask(request('sources', { publicationId, ticket: true }));
    source = { publicationId, device: found['sources'][0].device };
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) end[Symbol.dispose]();
    alice.client.messages.length = 0;
    // What one test asked for counts in no other.
    clock.advance(MEETING_LIFE_MS);
    for (const { client } of [alice, bob, eve]) await client.ask(request('heartbeat'));
    tracker.tracker.apply({ limits: LIMITS, auditDays: 1 });
  });
  after(() => tracker[Symbol.asyncDispose]());

  const ask = (asker: Entered, token: string, fields: object = {}): Promise<RawReply> =>
    asker.client.ask(request('reach', { ...source, by: 'relay', token, ...fields }));

  async function come(hello: object | string | Buffer): Promise<RelayEnd> {
    const end = await RelayEnd.open(tracker.place);
    ends.push(end);
    if (typeof hello === 'string' || Buffer.isBuffer(hello)) end.socket.write(hello);
    else end.say(hello);
    return end;
  }

  /** The asker's end and Alice's, when they hear each other. */
  async function meet(asker = bob): Promise<[RelayEnd, RelayEnd]> {
    const token = newToken();
    expect(await ask(asker, token)).to.have.property('ok', true);
    const pair = [await come(helloOf(asker.grant, token)), await come(helloOf(alice.grant, token))] as const;
    expect(await Promise.all(pair.map((end) => end.answer()))).to.deep.equal(['ok', 'ok']);
    return [...pair];
  }

  it('tells the source who waits, and passes on what each end sends, in order, until one leaves', async () => {
    const token = newToken();
    await ask(bob, token);
    const { eventId: _, ...event } = await alice.client.event('reach');
    const [a, b] = [await come(helloOf(bob.grant, token)), await come(helloOf(alice.grant, token))];
    const sent = randomBytes(3 * MIB);

    expect(await b.answer()).to.equal('ok');
    a.socket.write(sent);
    b.socket.write('from the other side');
    await waitFor(() => b.count > sent.length && a.bytes.length > 0);
    a.socket.end('and goodbye');
    await b.closed();

    const { device } = found(event);
    expect(event).to.deep.equal({ v: 1, event: 'reach', by: 'relay', token, user: 'bob', device, addresses: [] });
    expect(b.bytes.equals(Buffer.concat([sent, Buffer.from('and goodbye')]))).to.equal(true);
    expect(a.bytes.toString()).to.equal('from the other side');
  });

  it('is for the two of a meeting alone, each once, with the key of the session', async () => {
    const [token, other] = [newToken(), newToken()];
    await ask(bob, token);
    const first = await come(helloOf(bob.grant, token));

    const refused = await Promise.all(
      [
        helloOf(bob.grant, other), // nobody asked for
        helloOf(eve.grant, token), // another user's
        { ...helloOf(alice.grant, token), proof: randomBytes(32).toString('base64url') },
        { ...helloOf(eve.grant, token), session: alice.grant.session },
        helloOf(bob.grant, token), // he is there already
      ].map(async (hello) => (await come(hello)).answer()),
    );
    const second = await come(helloOf(alice.grant, token));
    const met = [await first.answer(), await second.answer()];
    const replayed = await (await come(helloOf(alice.grant, token))).answer();

    expect(refused).to.deep.equal(Array(5).fill('not-allowed'));
    expect([met, replayed]).to.deep.equal([['ok', 'ok'], 'not-allowed']);
  });

  it('closes on garbage, on too long a line, and on who sends more before he is answered', async () => {
    const token = newToken();
    await ask(bob, token);
    const hello = `${JSON.stringify(helloOf(bob.grant, token))}\n`;

    const answers = await Promise.all(
      [randomBytes(200), 'GET / HTTP/1.1\r\n\r\n', '\n', 'x'.repeat(600), `${hello}x`].map(async (bytes) => {
        const end = await come(typeof bytes === 'string' ? bytes : Buffer.concat([bytes, Buffer.from('\n')]));
        const answer = await end.answer();
        await end.closed();
        return answer;
      }),
    );
    const early = await come(hello);
    early.socket.write('the handshake, too soon');
    await early.closed();

    expect(answers).to.deep.equal(Array(5).fill('bad-message'));
    expect(early.count).to.equal(0);
  });

  it('waits for nobody: who says nothing, who comes alone, who met and is silent', async () => {
    const token = newToken();
    await ask(bob, token);
    const silent = await come('');
    const [a, b] = await meet();
    const alone = await come(helloOf(bob.grant, token));
    a.socket.write('only one of two speaks');
    await waitFor(() => b.bytes.length > 0);

    clock.advance(MEETING_LIFE_MS);

    expect(await alone.answer()).to.equal('unreachable');
    await Promise.all([silent, a, b, alone].map((end) => end.closed()));
  });

  it('cuts who has used up the share of a day, says so, and goes on with a larger one', async () => {
    const carol = await tracker.enterTcp('carol');
    await carol.client.ask(request('sources', { publicationId: source.publicationId, ticket: true }));
    tracker.tracker.apply({ limits: { ...LIMITS, relayBytes: SHARE }, auditDays: 1 });
    const [a, b] = await meet(carol);

    a.socket.write(randomBytes(SHARE));
    await waitFor(() => b.bytes.length === SHARE);
    b.socket.write('one too many');
    await Promise.all([a.closed(), b.closed()]);
    const refused = await ask(carol, newToken());
    tracker.tracker.apply({ limits: { ...LIMITS, relayBytes: 2 * SHARE }, auditDays: 1 });
    const [again] = await meet(carol);

    expect(refused.error?.code).to.equal('relay-quota');
    expect(refused.error?.retryAfterMs).to.be.within(1, 86_400_000);
    expect(again.isClosed).to.equal(false);
  });

  it('is off with a share of 0, for all or for one, while others relay', async () => {
    const at = { at: clock.now(), kind: 'admin' as const, user: 'root' };
    await tracker.store.changePolicy({ do: 'limit', kind: 'user', subject: 'bob', limit: 'relayBytes', value: 0 }, at);
    clock.advance(200);
    const code = await waitFor(async () => (await ask(bob, newToken())).error?.code);

    await tracker.store.changePolicy({ do: 'limit', kind: 'user', subject: 'bob', limit: 'relayBytes' }, at);
    await waitFor(async () => {
      clock.advance(200);
      return (await ask(bob, newToken())).ok;
    });

    expect(code).to.equal('no-relay');
  });

  it('has a number of places for each user, and gives one back with each that ends', async () => {
    const pairs = await Promise.all(Array.from({ length: MAX_RELAYS_PER_USER }, () => meet()));

    const refused = await ask(bob, newToken());
    pairs[0]?.[0].socket.destroy();
    await pairs[0]?.[1].closed();

    expect(refused.error?.code).to.equal('busy');
    await waitFor(async () => (await ask(bob, newToken())).ok);
  });

  it('is asked for only by who has a ticket, and for a source; the same request twice is one meeting', async () => {
    const hidden = await alice.client.ask(request('publish', { entries: [ENTRY], rights: { users: [], groups: [] } }));
    const token = newToken();
    const asked = request('reach', { ...source, by: 'relay', token });
    const code = async (reply: Promise<RawReply>): Promise<string | undefined> => (await reply).error?.code;

    const twice = [await bob.client.ask(asked), await bob.client.ask(asked)];
    await alice.client.event('reach');

    expect(twice.map(({ ok }) => ok)).to.deep.equal([true, true]);
    expect(alice.client.messages.filter(({ event }) => event === 'reach')).to.have.length(1);
    expect(await code(ask(eve, newToken()))).to.equal('not-allowed');
    expect(await code(ask(bob, newToken(), { device: 'ab'.repeat(32) }))).to.equal('not-found');
    expect(await code(ask(bob, newToken(), { publicationId: hidden['results'][0].publicationId }))).to.equal(
      'not-found',
    );
    expect(await code(ask(bob, token, { by: 'back' })), 'his own port is proven by nobody').to.equal('unreachable');
    expect(await code(ask(bob, 'short'))).to.equal('bad-message');
    await eve.client.ask(request('sources', { publicationId: source.publicationId, ticket: true }));
    expect(await code(ask(eve, token))).to.equal('id-reused');
    for (let more = 1; more < MAX_MEETINGS_ASKED; more += 1)
      expect(await ask(bob, newToken())).to.have.property('ok', true);
    expect(await code(ask(bob, newToken()))).to.equal('rate-limited');
    expect(await ask(eve, newToken())).to.have.property('ok', true);
  });

  it('is told to a source that comes back meanwhile, behind the reply that brings its new key', async () => {
    const { client: before } = alice;
    const { libraryRevision } = await before.ask(publishOf('plan.bin'));
    before.socket.destroy();
    await before.closed();
    const token = newToken();
    await ask(bob, token);

    const client = await tracker.tcp();
    const grant = grantOf(await client.ask(resumeOf(alice.grant, { libraryRevision })));
    alice = { client, grant };
    await client.event('reach');
    const [a, b] = [await come(helloOf(bob.grant, token)), await come(helloOf(grant, token))];

    expect(client.messages.map(({ event }) => event)).to.deep.equal([undefined, 'reach']);
    expect([await a.answer(), await b.answer()]).to.deep.equal(['ok', 'ok']);
  });

  it('goes on when the time is over in which they had to meet', async () => {
    const [a, b] = await meet();
    a.socket.write('one');
    b.socket.write('other');
    await waitFor(() => a.bytes.length > 0 && b.bytes.length > 0);

    clock.advance(2 * MEETING_LIFE_MS);
    a.socket.write(' more');
    await waitFor(() => b.bytes.toString() === 'one more' || b.isClosed);

    expect([a.bytes.toString(), a.isClosed, b.isClosed]).to.deep.equal(['other', false, false]);
  });

  it('ends when one of the two sessions does', async () => {
    const [a, b] = await meet();
    await alice.client.ask(request('logout')); // the last test: Alice is gone

    a.socket.write('more');

    await Promise.all([a.closed(), b.closed()]);
    expect(b.bytes.length).to.equal(0);
  });
});

const ENTRY = { name: 'secret.bin', fileId: 'cd'.repeat(32), size: 5, kind: 'file' };

/** The fields of an event that differ from run to run. */
function found(event: object): { device: string } {
  const { device } = event as { device: string };
  expect(device).to.match(/^[0-9a-f]{64}$/);
  return { device };
}
