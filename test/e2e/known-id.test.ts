/** The attacker knows the id and size of a file that is not for him, and everything else that a user of the tracker may know. */
import { expect } from 'chai';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import type { TestPeer } from '../download/swarm-fixture.js';
import type { ServeHandle } from '../support/program.js';
import { RawPeer } from '../upload/raw-peer.js';
import { publicationsOf, resultOf } from './json-results.js';
import type { RawSession } from './raw-session.js';
import { inWorld, passwordOf, type World } from './world.js';

const SIZE = 300_000;

describe('publishing an id that one merely knows', () => {
  it(
    "yields no byte of others' copies, neither from its owner nor from those who may fetch it",
    inWorld({ users: ['alice', 'bob', 'carol', 'mallory'] }, async (world) => {
      const alice = await world.serve('alice');
      const path = await world.file('alice', 'secret.bin', SIZE);
      const fileId = await world.publish('alice', path, ['--for', 'bob']);
      const [secret] = publicationsOf(await world.cli('alice', ['lpf']));
      const identity = await loadOrCreateIdentity(world.path('mallory.pem'), { commonName: 'test' });
      using mallory = await world.rawSession('mallory', {
        device: identity,
        password: passwordOf('mallory'),
        presence: { serving: true, filePort: 1 },
      });

      const entries = [{ name: 'holiday.bin', fileId, size: SIZE, kind: 'file' as const }];
      const published = await mallory.request('publish', { entries });
      const own = (published.ok && published.results[0]?.ok && published.results[0].publicationId) || '';
      const tickets = await Promise.all([own, secret?.publicationId ?? ''].map((id) => ticketFor(mallory, id, fileId)));
      const peer = await present(alice, identity, tickets[0]);

      expect(own).not.to.equal('');
      expect(tickets[1], 'of the publication itself there is no ticket').to.equal('not-found');
      expect(await peer.errorCode(1)).to.equal('not-found');
      peer.line({ id: 2, type: 'chunks', ticketId: own, first: 0, count: 1 });
      expect(await peer.errorCode(2)).to.equal('bad-ticket');
      expect(peer.received).to.equal(0);
      peer.close();
      await drawsOnlyFrom(world, '@mallory/holiday.bin', []);
      // Whoever publishes the same for everybody is drawn from all the same.
      await world.serve('carol');
      await world.publish('carol', await world.file('carol', 'mine.bin', SIZE));
      await drawsOnlyFrom(world, '@mallory/holiday.bin', ['carol']);
      await drawsOnlyFrom(world, '@alice/secret.bin', ['alice', 'carol']);
    }),
  );
});

/** The ticket, or the code of the refusal. */
async function ticketFor(session: RawSession, publicationId: string, fileId: string): Promise<string> {
  const reply = await session.request('sources', { publicationId, ticket: true, fileId });
  return reply.ok ? (reply.ticket ?? '') : reply.error.code;
}

async function present(
  { port, pin }: ServeHandle,
  identity: Parameters<typeof RawPeer.connect>[1],
  ticket: string | undefined,
): Promise<RawPeer> {
  const target = { port: { port }, identity: { pin: pin.replace('sha256:', '') } } as unknown as TestPeer;
  const peer = await RawPeer.connect(target, identity);
  peer.line({ id: 1, type: 'open', ticket });
  return peer;
}

/** Mallory aside, who has nothing. */
async function drawsOnlyFrom(world: World, selector: string, users: readonly string[]): Promise<void> {
  const { sources } = resultOf<{ sources: { user: string }[] }>(await world.cli('bob', ['sources', selector]));
  const others = sources.map(({ user }) => user).filter((user) => user !== 'mallory');
  expect(others.toSorted(), selector).to.deep.equal(users);
}
