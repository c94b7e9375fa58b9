import { expect } from 'chai';

import { chunkSizeFor, MAX_FILE_BYTES } from '../../common/content/chunk-size.js';
import { mostUnproven, mostWaitingBytes, sourcesAtOnce } from '../../peer/download/memory-budget.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

describe('What a download holds in memory', () => {
  for (const size of [GIB, 16 * GIB, 64 * GIB, 256 * GIB, 1_024 * GIB, 2_048 * GIB, MAX_FILE_BYTES]) {
    it(`is at most 128 MiB of chunks for a file of ${size / GIB} GiB, with one source at least`, () => {
      const chunkSize = chunkSizeFor(size);

      expect(sourcesAtOnce(chunkSize)).to.be.at.least(1);
      for (const bytesPerSecond of [0, 10 * MIB, 100 * GIB]) {
        const waiting = mostWaitingBytes(chunkSize, bytesPerSecond);
        expect(waiting).to.be.at.least(chunkSize);
        expect(sourcesAtOnce(chunkSize) * chunkSize + waiting).to.be.at.most(128 * MIB);
      }
    });
  }

  it('is little beside what comes in a moment, so that little is lost when the program is killed', () => {
    const chunkSize = chunkSizeFor(GIB);

    expect(mostWaitingBytes(chunkSize, 50 * MIB)).to.be.at.most(2 * MIB);
    expect(mostWaitingBytes(chunkSize, GIB)).to.be.at.most(4 * MIB);
  });

  it('of a source as fast as a gigabit is nothing while a chunk of it waits, of a faster one no more than it has proven', () => {
    expect(mostUnproven(1_000, 125 * MIB)).to.equal(0);
    expect(mostUnproven(0, 200 * MIB)).to.equal(1);
    expect(mostUnproven(7, 200 * MIB)).to.equal(7);
  });
});
