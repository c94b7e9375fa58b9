import { createHash } from 'node:crypto';
import { expect } from 'chai';

import { SWARM_BRINGERS } from '../../common/protocol/limits.js';
import { ALONE, Fellows } from '../../peer/download/fellows.js';

const CHUNKS = 2_000;
const devices = Array.from({ length: 8 }, (_, n) => createHash('sha256').update(`device ${n}`).digest('hex'));

/** What each of them makes of the same list. */
function views(): Fellows[] {
  return devices.map((own) => {
    const fellows = new Fellows(own, CHUNKS);
    fellows.set({ devices: devices.filter((device) => device !== own).toReversed(), full: 1 });
    return fellows;
  });
}

describe('Fellows', () => {
  it('put themselves into one order for each chunk, without asking one another', () => {
    const all = views();

    for (let index = 0; index < CHUNKS; index += 1) {
      const places = all.map((fellows) => Math.floor(fellows.placeFor(index)));
      expect(places.toSorted()).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
    }
  });

  it('have about the same to bring', () => {
    const firsts = views().map(
      (fellows) =>
        Array.from({ length: CHUNKS }, (_, index) => fellows.placeFor(index)).filter((place) => place < 1).length,
    );

    for (const count of firsts) expect(count).to.be.within(0.75 * (CHUNKS / 8), 1.25 * (CHUNKS / 8));
  });

  it('help another with what it would bring last', () => {
    const [owner, second] = devices.slice(0, 2).map((own, n) => {
      const fellows = new Fellows(own, CHUNKS);
      fellows.set({ devices: devices.slice(0, 2).filter((_, other) => other !== n), full: 1 });
      return fellows;
    }) as [Fellows, Fellows];
    const owned = Array.from({ length: CHUNKS }, (_, index) => index).filter((index) => owner.placeFor(index) < 1);
    const inOrderOf = (fellows: Fellows): number[] =>
      owned.toSorted((a, b) => fellows.placeFor(a) - fellows.placeFor(b) || a - b);

    const shared = owned.length / 10;
    const last = new Set(inOrderOf(owner).slice(-2 * shared));
    for (const index of inOrderOf(second).slice(0, shared)) expect(last.has(index), `chunk ${index}`).to.equal(true);
  });

  it('keep most of what was theirs when one leaves, and each brings all when it is alone', () => {
    const [fellows] = views() as [Fellows];
    const placeFor = (index: number): number => Math.floor(fellows.placeFor(index));
    const before = Array.from({ length: CHUNKS }, (_, index) => placeFor(index));
    fellows.set({ devices: devices.slice(2), full: 1 });
    for (const [index, place] of before.entries()) expect(placeFor(index)).to.be.within(place - 1, place);

    fellows.set(ALONE);
    expect(fellows.placeFor(7)).to.equal(0);
  });

  it('bring in a large swarm only where they have the lowest pins, and more of them for each source that has all', () => {
    const crowd = Array.from({ length: 40 }, (_, n) => createHash('sha256').update(`crowd ${n}`).digest('hex'));
    const bringing = (full: number): string[] =>
      crowd.filter((own) => {
        const fellows = new Fellows(own, CHUNKS);
        fellows.set({ devices: crowd.filter((device) => device !== own), full });
        if (!fellows.isBringer) expect(fellows.placeFor(3)).to.be.at.least(1);
        return fellows.isBringer;
      });

    expect(bringing(1)).to.have.members(crowd.toSorted().slice(0, SWARM_BRINGERS));
    expect(bringing(3)).to.have.members(crowd.toSorted().slice(0, 3 * SWARM_BRINGERS));
  });

  it('say when what was asked of the publisher was asked in ignorance of others', () => {
    const own = 'f'.repeat(64);
    const fellows = new Fellows(own, CHUNKS);

    expect(fellows.set(ALONE)).to.equal(false);
    expect(fellows.set({ devices: devices.slice(0, 1), full: 1 }), 'the first other').to.equal(true);
    expect(fellows.set({ devices: devices.slice(0, 2), full: 1 }), 'one more').to.equal(false);
    expect(fellows.set({ devices, full: 1 }), 'others bring now').to.equal(true);
  });
});
