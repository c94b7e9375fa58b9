import { expect } from 'chai';
import { newPublicationId } from '../../tracker/ids.js';

const NOW = Date.UTC(2030, 0, 1);

describe('newPublicationId', () => {
  it('gives ids that stand in the order in which they were made, also when the clock stops or is set back', () => {
    const times = [...Array.from({ length: 5_000 }, () => NOW), NOW + 0.5, NOW + 1, NOW - 3_600_000, NOW + 2_000];

    const ids = times.map((now) => newPublicationId(now));

    expect(ids).to.deep.equal(ids.toSorted());
    expect(new Set(ids).size).to.equal(ids.length);
    expect(ids.every((id) => /^[A-Za-z0-9_-]{21}$/.test(id))).to.equal(true);
  });
});
