import { expect } from 'chai';
import fc from 'fast-check';
import { chunkCount, chunkRange } from '../../common/content/chunk-range.js';
import { chunkSizeFor } from '../../common/content/chunk-size.js';
import { LARGE_SIZES, SMALL_SIZES } from './boundary-sizes.js';

describe('chunkRange', () => {
  for (const { size, why } of [...SMALL_SIZES, ...LARGE_SIZES]) {
    it(`covers ${size} bytes to the last one (${why})`, () => {
      const chunkSize = chunkSizeFor(size);
      const count = chunkCount(size, chunkSize);

      const last = count === 0 ? { offset: 0, length: 0 } : chunkRange(count - 1, size, chunkSize);

      expect(last.offset + last.length).to.equal(size);
      expect(() => chunkRange(count, size, chunkSize)).to.throw(RangeError);
    });
  }

  it('leaves neither gap nor overlap between neighbours', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 300 }), (size, chunkSize) => {
        let next = 0;
        for (let index = 0; index < chunkCount(size, chunkSize); index += 1) {
          const { offset, length } = chunkRange(index, size, chunkSize);
          expect(offset).to.equal(next);
          expect(length).to.be.within(1, chunkSize);
          next += length;
        }
        expect(next).to.equal(size);
      }),
    );
  });

  for (const index of [-1, 0.5, NaN, Infinity, 3]) {
    it(`refuses chunk ${index} of a file with three`, () => {
      expect(() => chunkRange(index, 30, 10)).to.throw(RangeError, `no chunk ${index}`);
    });
  }
});
