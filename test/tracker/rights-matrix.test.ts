/**
 * Kind of right × relation of the user × request × transport × tracker up, down and back, against `rights-model.ts`. What is not
 * allowed must not differ from what does not exist: in no byte of the replies, and in no call to the store, and in no hash.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { checkNow, histories, LOCKED, runHistory, step, tellApart } from './rights-histories.js';
import { OTHERS, OWNER, TEAM } from './rights-model.js';
import { RightsWorld, TRANSPORTS } from './rights-world.js';

const RUNS = 3;
const MAX_STEPS = 12;

describe('rights, as a matrix', () => {
  it('every kind of right holds for every relation, request and transport, before and after a restart', async () => {
    await using world = await RightsWorld.open();
    const kinds = await Promise.all(
      ['public', 'listed', 'group', 'nobody', 'locked', 'expired', 'used-up', 'burned'].map((name, index) =>
        world.publish(`${name}.bin`, `${index}`.repeat(64)),
      ),
    );
    const [, listed = never(), group = never(), nobody = never(), locked = never(), expired = never()] = kinds;
    const [usedUp = never(), burned = never()] = kinds.slice(6);
    await step(world, { kind: 'join', user: 'carol' });
    await step(world, { kind: 'rights', publication: listed, rights: { users: ['bob'], groups: [] } });
    await step(world, { kind: 'rights', publication: group, rights: { users: [], groups: [TEAM] } });
    await step(world, { kind: 'rights', publication: nobody, rights: { users: [], groups: [] } });
    await step(world, { kind: 'passcode', publication: locked, passcode: LOCKED });
    await step(world, { kind: 'expiry', publication: expired, isExpired: true });
    await step(world, { kind: 'downloads', publication: usedUp, downloads: { most: 1, burn: false } });
    await step(world, { kind: 'downloads', publication: burned, downloads: { most: 1, burn: true } });
    for (const publication of [usedUp, burned]) await step(world, { kind: 'fetch', publication, user: 'bob' });

    for (const isAfter of [false, true]) {
      if (isAfter) {
        await world.down();
        await world.up();
      }
      for (const transport of TRANSPORTS) {
        await checkNow(world, transport);
        for (const user of OTHERS)
          for (const publication of kinds)
            if (!world.model.isVisible(user, publication)) await tellApart(world, { user, publication, transport });
      }
    }
    expect(OTHERS.map((user) => world.model.visibleNames(user).length)).to.deep.equal([5, 4, 3]);
    expect(world.model.visibleNames(OWNER)).to.have.length(8);
  });

  it(`holds in ${RUNS} histories of up to ${MAX_STEPS} changes`, async () => {
    await fc.assert(fc.asyncProperty(histories(MAX_STEPS), runHistory), { numRuns: RUNS, endOnFailure: true });
  });
});

function never(): never {
  throw new Error('there are eight kinds');
}
