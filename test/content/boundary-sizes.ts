const KIB = 1024;
const GIB = KIB ** 3;

/** The smallest chunk, in bytes. */
export const CHUNK = 256 * KIB;

export interface BoundarySize {
  readonly size: number;
  readonly why: string;
}

/** Sizes at which content of a few chunks can go wrong, small enough to hash. */
export const SMALL_SIZES: readonly BoundarySize[] = [
  { size: 0, why: 'empty: no chunk at all' },
  { size: 1, why: 'the smallest content' },
  { size: CHUNK - 1, why: 'a single chunk, one byte short' },
  { size: CHUNK, why: 'exactly one chunk' },
  { size: CHUNK + 1, why: 'a last chunk of one byte' },
  { size: 4 * CHUNK, why: 'exactly one read of 1 MiB' },
  { size: 4 * CHUNK + 1, why: 'a second read of one byte' },
];

/** Sizes at which the chunk size changes or ends: by formula only, nobody can hash these in a test. */
export const LARGE_SIZES: readonly BoundarySize[] = [
  { size: 2 ** 32 + 1, why: 'beyond 32 bits' },
  { size: 16 * GIB - 1, why: '65,536 chunks of 256 KiB, the last one short' },
  { size: 16 * GIB, why: '65,536 full chunks of 256 KiB' },
  { size: 16 * GIB + 1, why: 'the first size with chunks of 512 KiB' },
  { size: 2048 * GIB + 1, why: 'the first size with chunks of 64 MiB' },
  { size: 4096 * GIB, why: '4 TiB: the largest file' },
];

/** One byte beyond what a file may have. */
export const TOO_LARGE: BoundarySize = { size: 4096 * GIB + 1, why: '65,537 chunks of 64 MiB' };
