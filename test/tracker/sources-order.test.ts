import { expect } from 'chai';
import { SWARM_BRINGERS } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { RawTcp } from './raw-client.js';
import { publishOf, request, userOf } from './raw-messages.js';
import { TestTracker } from './test-tracker.js';

const FULL = SWARM_BRINGERS + 2;
const PARTIAL = 2 * SWARM_BRINGERS;
const FILE_ID = 'ab'.repeat(32);

interface Member {
  readonly client: RawTcp;
  readonly device: string;
  readonly has: 'all' | 'part';
}

describe('the order of sources', () => {
  let tracker: TestTracker;
  let publicationId: string;
  let members: Member[];
  before(async () => {
    const users = Array.from({ length: FULL + PARTIAL }, (_, index) => `user${index}`);
    tracker = await TestTracker.start({ users, clock: new VirtualClock() });
    members = [];
    for (const [index, name] of users.entries()) {
      const user = userOf(name);
      const { client } = await tracker.enterTcp(user, { filePort: undefined });
      const has = index < FULL ? 'all' : 'part';
      members.push({ client, device: user.device.pin, has });
      if (index === 0) publicationId = (await client.ask(publishOf('a.bin')))['results'][0].publicationId;
      await client.ask(request('sources', { publicationId, ticket: true }));
      if (index > 0) await client.ask(request('hold', { publicationId, fileId: FILE_ID, has }));
    }
  });
  after(() => tracker[Symbol.asyncDispose]());

  /** Devices, as `asker` is told of them, in pages of `limit`. */
  async function told(asker: Member, limit = 1_000): Promise<string[]> {
    const devices: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await asker.client.ask(
        request('sources', { publicationId, ticket: false, limit, ...(cursor && { cursor }) }),
      );
      devices.push(...page['sources'].map(({ device }: Member) => device));
      cursor = page['cursor'];
    } while (cursor !== undefined);
    return devices;
  }

  const othersOf = (asker: Member, has?: Member['has']): string[] =>
    members.filter((one) => one !== asker && (has ?? one.has) === one.has).map(({ device }) => device);

  it('begins for everybody with those that bring: the lowest pins of who has all, and of who downloads', async () => {
    for (const asker of members) {
      const lowest = (has: Member['has']): string[] => othersOf(asker, has).toSorted().slice(0, SWARM_BRINGERS);
      const devices = await told(asker);

      expect(devices).to.have.members(othersOf(asker));
      expect(devices.slice(0, 2 * SWARM_BRINGERS)).to.have.members([...lowest('all'), ...lowest('part')]);
    }
  });

  it('is another one for each asker, so that nobody has all of them as customers', async () => {
    const firstBringers: string[] = [];
    const firstOthers: string[] = [];
    for (const asker of members) {
      const devices = await told(asker);
      firstBringers.push(devices[0] ?? '');
      firstOthers.push(devices[2 * SWARM_BRINGERS] ?? '');
    }

    // 26 askers that draw one of at least nine: a fair draw has four or fewer different ones once in some billion times.
    for (const firsts of [firstBringers, firstOthers]) {
      expect(new Set(firsts).size).to.be.above(4);
      const most = Math.max(...firsts.map((device) => firsts.filter((other) => other === device).length));
      expect(most).to.be.below(members.length / 2);
    }
  });

  it('is the same for one asker each time, and over pages of any size', async () => {
    for (const asker of members.slice(0, 2)) {
      const whole = await told(asker);
      for (const limit of [7, 1_000]) expect(await told(asker, limit)).to.deep.equal(whole);
    }
  });
});
