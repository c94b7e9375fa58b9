import { createHash } from 'node:crypto';
import { expect } from 'chai';

import { Fellows } from '../../peer/download/fellows.js';

const CHUNKS = 2_000;
const devices = Array.from({ length: 8 }, (_, n) => createHash('sha256').update(`device ${n}`).digest('hex'));

/** What each of them makes of the same list. */
function views(): Fellows[] {
  return devices.map((own) => {
    const fellows = new Fellows(own, CHUNKS);
    fellows.set(devices.filter((device) => device !== own).toReversed());
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
      fellows.set(devices.slice(0, 2).filter((_, other) => other !== n));
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
    fellows.set(devices.slice(2));
    for (const [index, place] of before.entries()) expect(placeFor(index)).to.be.within(place - 1, place);

    fellows.set([]);
    expect(fellows.placeFor(7)).to.equal(0);
  });
});
