import { expect } from 'chai';
import fc from 'fast-check';
import { chunkCount } from '../../common/content/chunk-range.js';
import { chunkSizeFor, MAX_FILE_BYTES } from '../../common/content/chunk-size.js';
import { ContentError } from '../../common/content/content-error.js';
import { LARGE_SIZES, SMALL_SIZES, TOO_LARGE } from './boundary-sizes.js';
import { secondChunkSize } from './second-implementation.js';
import { readVectors } from './vectors.js';

interface ChunkSizeVectors {
  readonly cases: readonly { why: string; size: number; chunkSize: number; chunks: number }[];
  readonly refused: readonly { why: string; size: number | string; code: string }[];
}

const { cases, refused } = readVectors<ChunkSizeVectors>('chunk-size');

describe('chunkSizeFor', () => {
  for (const { why, size, chunkSize, chunks } of cases) {
    it(`cuts ${size} bytes every ${chunkSize} (${why})`, () => {
      expect(chunkSizeFor(size)).to.equal(chunkSize);
      expect(secondChunkSize(size)).to.equal(chunkSize);
      expect(chunkCount(size, chunkSize)).to.equal(chunks);
    });
  }

  for (const { why, size, code } of refused) {
    it(`refuses ${size} bytes with ${code} (${why})`, () => {
      expect(() => chunkSizeFor(Number(size)))
        .to.throw(ContentError)
        .with.property('code', code);
    });
  }

  it('takes every boundary size and refuses the first one beyond', () => {
    for (const { size } of [...SMALL_SIZES, ...LARGE_SIZES]) expect(chunkSizeFor(size)).to.equal(secondChunkSize(size));

    expect(() => chunkSizeFor(TOO_LARGE.size)).to.throw(ContentError, '4 TiB');
  });

  it('is the smallest of the nine sizes that gives at most 65,536 chunks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_FILE_BYTES }), (size) => {
        expect(chunkSizeFor(size)).to.equal(secondChunkSize(size));
      }),
    );
  });
});
