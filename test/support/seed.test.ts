import { expect } from 'chai';
import { integerBetween, randomFrom, seedFor, subSeed, takeSeedReport } from './seed.js';

describe('support/seed', () => {
  it('draws the same numbers from the same seed, evenly spread', () => {
    const draw = randomFrom(7);
    const numbers = Array.from({ length: 10_000 }, draw);
    const again = Array.from({ length: 10_000 }, randomFrom(7));

    expect(numbers).to.deep.equal(again);
    expect(numbers).to.not.deep.equal(Array.from({ length: 10_000 }, randomFrom(8)));
    expect(numbers.reduce((sum, number) => sum + number) / 10_000).to.be.closeTo(0.5, 0.02);
    expect(Math.min(...numbers)).to.be.at.least(0);
    expect(Math.max(...numbers)).to.be.below(1);
  });

  it('draws every whole number of a range', () => {
    const random = randomFrom(1);

    const seen = new Set(Array.from({ length: 200 }, () => integerBetween(random, 3, 6)));

    expect([...seen].sort()).to.deep.equal([3, 4, 5, 6]);
  });

  it('gives parts of a test seeds of their own', () => {
    expect(subSeed(1, 'udp', 0)).to.not.equal(subSeed(1, 'udp', 1));
    expect(subSeed(1, 'udp', 0)).to.equal(subSeed(1, 'udp', 0));
  });

  it('reports the seeds that a test asked for, once', () => {
    takeSeedReport();
    const seed = seedFor('some test');

    expect(takeSeedReport()).to.contain(`"some test": SHOAL_TEST_SEED=${seed}`);
    expect(takeSeedReport()).to.equal('');
  });
});
