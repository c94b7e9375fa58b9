import { expect } from 'chai';
import { type Identity, loadOrCreateIdentity } from '../../common/wire/identity.js';
import { seedFor } from '../support/seed.js';
import { waitFor } from '../support/wait-for.js';
import { expectExactlyOnce, runMutations } from './lossy-mutations.js';
import { newId, type RawLogin, RawSession, randomFileId, type Transport } from './raw-session.js';
import { SAMPLED_TYPES, SAMPLES, type Sample, type SampledType } from './request-samples.js';
import { passwordOf, World } from './world.js';

/** Kind of the datagram that answers a login. */
const LOGIN_REPLY = 0x82;
const BAD_NETWORK = { loss: 0.2, duplicate: 0.1, reorder: 0.25 };

describe('requests over a network that loses, doubles and reorders', () => {
  let world: World;
  let device: Identity;
  let sessions: RawSession[];

  beforeEach(async function () {
    sessions = [];
    world = await World.open({ admins: ['alice'], proxy: { seed: seedFor(this.currentTest?.fullTitle() ?? '') } });
    device = await loadOrCreateIdentity(world.path('device.pem'), { commonName: 'test' });
  });

  afterEach(async () => {
    for (const session of sessions) session[Symbol.dispose]();
    await world.end();
  });

  it('answers every type over UDP with 20 % loss, 10 % doubled and 25 % reordered', async () => {
    world.proxy.udp.setFaults(BAD_NETWORK);
    const session = await open('udp');

    const resumed = await session.tryResume();
    const replies = await Promise.all(
      SAMPLED_TYPES.filter((type) => type !== 'logout').map((type) => ask(session, type)),
    );
    replies.push(await ask(session, 'logout'));

    expect(resumed.ok).to.equal(true);
    expect(replies.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(replies).to.have.length(SAMPLED_TYPES.length);
    printFaults(`${replies.length + 2} types`);
  });

  it('applies every mutation exactly once, whichever datagram is lost', async () => {
    world.proxy.udp.setFaults(BAD_NETWORK);
    const session = await open('udp');

    const run = await runMutations(session, { count: 120, lanes: 24, seed: 7 });

    world.proxy.udp.setFaults({});
    await expectExactlyOnce(await open('tcp'), run);
    printFaults(`${run.applied} mutations, ${run.changes} changes`);
  });

  it('applies a mutation once when it is repeated on the other transport and after a restart of the tracker', async () => {
    const session = await open('tcp');
    const [id, name, fileId] = [newId(), 'once.bin', randomFileId()];
    const entries = [{ name, fileId, size: 3, kind: 'file' as const }];
    const first = await session.request('publish', { entries }, { id });

    await world.killTracker();
    await world.startTracker();
    const resumed = await session.tryResume();
    const again = await session.request('publish', { entries }, { id });

    expect(resumed.ok, JSON.stringify(resumed)).to.equal(true);
    expect(again).to.deep.equal(first);
    expect(again).to.have.nested.property('results[0].change', 'new');
  });

  it('refuses an id that comes back with another body, and changes nothing', async () => {
    const session = await open('udp');
    const id = newId();
    await session.request(
      'publish',
      { entries: [{ name: 'a.bin', fileId: randomFileId(), size: 1, kind: 'file' }] },
      { id },
    );

    const entries = [{ name: 'b.bin', fileId: randomFileId(), size: 1, kind: 'file' as const }];
    // A late second reply to the first request has the same id: only what comes after it is about this one.
    const other = await waitFor(async () => {
      const reply = await session.request('publish', { entries }, { id });
      return reply.ok ? undefined : reply;
    });
    const listed = await session.request('listPublished', {});

    expect(other.error.code).to.equal('id-reused');
    expect(listed.ok && listed.publications.map(({ name }) => name)).to.deep.equal(['a.bin']);
  });

  it('does not log in twice when only the reply is lost: the same attempt gets the same session, also over TCP', async () => {
    let dropped = 0;
    world.proxy.udp.filter = (datagram, direction) => {
      if (direction !== 'toClient' || datagram[1] !== LOGIN_REPLY || dropped > 0) return true;
      dropped += 1;
      return false;
    };

    const session = await open('udp', { serving: true, filePort: 1 });

    expect(dropped).to.equal(1);
    expect(session.grant.user).to.equal('alice');
  });

  async function open(transport: Transport, presence: NonNullable<RawLogin['presence']> = {}): Promise<RawSession> {
    const { host, port } = world.proxy;
    const login: RawLogin = { transport, user: 'alice', password: passwordOf('alice'), device, presence };
    const session = await RawSession.open({ host, port, pin: world.tracker.pin }, login);
    sessions.push(session);
    return session;
  }

  async function ask<T extends SampledType>(session: RawSession, type: T) {
    const sample: Sample<T> = SAMPLES[type];
    const prepared = (await sample.prepare?.(session)) ?? '';
    return session.request(type, sample.body(prepared, session));
  }

  function printFaults(what: string): void {
    const { toTarget, toClient } = world.proxy.udp.counters;
    const sum = (field: keyof typeof toTarget): number => toTarget[field] + toClient[field];
    process.stdout.write(
      `      ${what}: ${sum('seen')} datagrams, ${sum('dropped')} lost, ${sum('duplicated')} doubled, ${sum('reordered')} reordered\n`,
    );
  }
});
