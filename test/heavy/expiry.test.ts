// When a peer that is gone is shown as gone: F07 of the fault catalogue, at a real tracker. That the bound is exact a test with its own clock shows.
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { HEARTBEAT_MS, MISSED_INTERVALS } from '../../common/protocol/limits.js';
import { loadOrCreateIdentity } from '../../common/wire/identity.js';
import { inWorld } from '../e2e/world.js';

const EXPIRY_MS = MISSED_INTERVALS * HEARTBEAT_MS;
const LOOK_EVERY_MS = 20;
/** Wanted are 200; a machine with much other work may be late by more. */
const MOST_LATE_MS = 1_000;

describe('a peer that falls silent', function () {
  this.timeout(60_000);

  it(
    'is active for three intervals after its last word, and not much longer',
    inWorld({ users: ['alice', 'bob'] }, async (world) => {
      const device = await loadOrCreateIdentity(world.path('silent.pem'), { commonName: 'test' });
      using alice = await world.rawSession('alice', { device, presence: { serving: true } });
      using bob = await world.rawSession('bob');
      const isListed = async (): Promise<boolean> => {
        const reply = await bob.request('listPeers', {});
        return reply.ok && reply.peers.some(({ user }) => user === 'alice');
      };
      const sentAt = performance.now();
      await alice.request('heartbeat', {});
      const answeredAt = performance.now();

      let [listedAt, goneAt] = [0, 0];
      while (goneAt === 0) {
        const [askedAt, listed] = [performance.now(), await isListed()];
        if (listed) listedAt = askedAt;
        else goneAt = performance.now();
        await pause(LOOK_EVERY_MS);
      }

      print(
        `listed until ${Math.round(listedAt - sentAt)} ms after its last word, gone after ${Math.round(goneAt - sentAt)}`,
      );
      expect(goneAt - sentAt, 'not before').to.be.at.least(EXPIRY_MS);
      expect(listedAt - answeredAt, 'not for long after').to.be.below(EXPIRY_MS + MOST_LATE_MS);
    }),
  );
});

function print(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
