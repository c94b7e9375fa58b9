/** F21: the tracker's wall clock is set while it runs, and nobody notices. */
import { expect } from 'chai';
import { steadyClock, VirtualClock } from '../../common/runtime/clock.js';
import { openTicket } from '../../common/wire/ticket.js';
import { publishOf, request, resumeOf, userOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

const HOUR_MS = 3_600_000;

describe('a tracker whose clock is set', () => {
  for (const jumpMs of [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS]) {
    it(`by ${jumpMs / HOUR_MS} h keeps its sessions, cookies, tokens, tickets and the order of revocations`, async () => {
      const clock = new VirtualClock();
      await using tracker = await TestTracker.start({ clock: steadyClock(clock) });
      const { client: alice } = await tracker.enterUdp('alice');
      const { client: bob, grant } = await tracker.enterUdp('bob');
      const published = await alice.ask(publishOf('a.bin'));
      const { publicationId } = published['results'][0];
      const before = await bob.ask(request('sources', { publicationId, ticket: true }));
      const moving = await tracker.udp();
      const cookie = await moving.cookie();

      clock.jumpWall(jumpMs);
      clock.advance(1_000);

      const peers = (await alice.ask(request('listPeers')))['peers'];
      expect(peers.map(({ user }: { user: string }) => user)).to.deep.equal(['bob']);
      const after = await bob.ask(request('sources', { publicationId, ticket: true }));
      const [old, fresh] = [before, after].map((reply) => openTicket(reply['ticket'], tracker.identity.spki));
      expect(fresh!.issuedAt - old!.issuedAt).to.be.within(500, 1_500);
      const beat = await bob.ask(request('heartbeat'));
      expect(old!.notAfter - beat['serverTime']).to.be.within(HOUR_MS - 2_000, HOUR_MS);
      expect((await moving.resume(resumeOf(grant), grant.resumeKey, cookie)).ok).to.equal(true);
      await tracker.store.changeAccount('alice', { kind: 'disable' }, Math.floor(beat['serverTime']));
      const { revocations } = await tracker.store.revocations(0, 10);
      expect(revocations[0]!.at).to.be.at.least(fresh!.issuedAt);
      expect(
        (await (await tracker.enterTcp(userOf('bob'), { serving: false })).client.ask(request('heartbeat'))).ok,
      ).to.equal(true);
    });
  }
});
