/** F19 and F40 at their full size. */
import { expect } from 'chai';
import { flipBits, mixStates } from '../store/store-damage.js';
import { killedStore, layDown, namesIn, takeImage } from '../store/store-image.js';
import { randomFrom, seedFor } from '../support/seed.js';
import { tempDir } from '../support/temp.js';

const FLIPS = 5_000;
const STATES = 1_000;
const COMMITS = 40;

describe('the store after damage and power loss, at length', function () {
  this.timeout(600_000);

  for (const name of ['killed', 'stopped']) {
    it(`never answers wrongly after one of ${FLIPS} flipped bits in the files of a ${name} tracker`, async () => {
      await using dir = await tempDir({ ram: true });
      const path = dir.join('tracker.sqlite');
      const { image } = await killedStore(path, COMMITS);

      const refused = await flipBits(
        path,
        name === 'killed' ? image : takeImage(path),
        FLIPS,
        randomFrom(seedFor(`flips ${name}`)),
      );

      process.stdout.write(
        `      ${refused} of ${FLIPS} refused, the others answered as before or said what was cut off\n`,
      );
      expect(refused).to.be.greaterThan(FLIPS / 3);
    });
  }

  it(`opens each of ${STATES} mixtures of old and new pages as what was acknowledged`, async () => {
    await using dir = await tempDir({ ram: true });
    const path = dir.join('tracker.sqlite');
    const { image: before } = await killedStore(path, COMMITS);
    const after = takeImage(path);

    await mixStates(path, { before, after }, { states: STATES, random: randomFrom(seedFor('mixtures')) });
  });

  it('has every commit before each place at which the log can end, in order', async () => {
    await using dir = await tempDir({ ram: true });
    const path = dir.join('tracker.sqlite');
    const { image, committedAt } = await killedStore(path, COMMITS);
    const log = image['-wal']!;
    for (let end = 32; end <= log.length; end += 512) {
      layDown(path, { ...image, '-wal': log.subarray(0, end) });

      const whole = committedAt.filter((at) => at <= end).length;
      expect(await namesIn(path), `cut at ${end}`).to.have.length(1 + 2 * whole);
    }
  });
});
