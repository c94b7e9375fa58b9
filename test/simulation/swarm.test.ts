import { expect } from 'chai';

import { simulateSwarm } from './swarm-simulation.js';

const FILE = { chunks: 256, chunkBytes: 256 * 1024, bytesPerSecond: 5e6 };

describe('a simulated swarm', () => {
  for (const [downloaders, mostTimesIdeal] of [
    [1, 1.02],
    [2, 1.06],
    [8, 1.2],
  ] as const) {
    it(`of ${downloaders}: all finish within ${mostTimesIdeal} × the ideal, and the publisher sends at most 1.2 copies`, () => {
      for (const seed of [1, 2]) {
        const { timesIdeal, copies, duplicates } = simulateSwarm({ ...FILE, downloaders, seed });

        expect(Math.max(...timesIdeal)).to.be.at.most(mostTimesIdeal);
        expect(copies).to.be.at.most(1.2);
        expect(duplicates, 'received twice').to.be.at.most(0.01);
      }
    });
  }

  it('of 32 is not much slower than one of 8, and little comes twice', () => {
    const { timesIdeal, copies, duplicates } = simulateSwarm({ ...FILE, downloaders: 32, seed: 1 });

    expect(Math.max(...timesIdeal)).to.be.at.most(1.35);
    expect(copies).to.be.at.most(1.35);
    expect(duplicates, 'received twice').to.be.at.most(0.01);
  });

  it('gives all downloaders about the same', () => {
    const { timesIdeal } = simulateSwarm({ ...FILE, downloaders: 24, seed: 3 });

    expect(Math.min(...timesIdeal) / Math.max(...timesIdeal)).to.be.at.least(0.8);
  });

  it('is the same for the same seed', () => {
    const options = { ...FILE, downloaders: 4, seed: 9 };

    expect(simulateSwarm(options)).to.deep.equal(simulateSwarm(options));
  });
});
