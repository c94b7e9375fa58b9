import { createHash } from 'node:crypto';

/** Draws numbers in [0, 1); the same seed always draws the same row of numbers. */
export type Random = () => number;

const seedsOfThisTest = new Map<string, number>();

/**
 * Seed of a random test: `SHOAL_TEST_SEED` when it is set, else one that follows from the name, so that every run
 * repeats the last one. The root hooks add the seeds of a failing test to its error.
 */
export function seedFor(testName: string): number {
  const given = process.env['SHOAL_TEST_SEED'];
  if (given !== undefined && !/^\d{1,10}$/.test(given))
    throw new RangeError(`SHOAL_TEST_SEED is not a number: ${given}`);
  const seed =
    given === undefined ? createHash('sha256').update(testName).digest().readUInt32LE(0) : Number(given) >>> 0;
  seedsOfThisTest.set(testName, seed);
  return seed;
}

/** Seeds asked for since the last call, as text for an error message; empty when there were none. */
export function takeSeedReport(): string {
  const rows = [...seedsOfThisTest].map(([name, seed]) => `  seed of "${name}": SHOAL_TEST_SEED=${seed}`);
  seedsOfThisTest.clear();
  return rows.join('\n');
}

/** The mulberry32 generator: small, fast, good enough for faults; never for secrets. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed for one part of a test (a client, a direction), so that parts do not take numbers from each other. */
export function subSeed(seed: number, ...part: readonly (string | number)[]): number {
  return createHash('sha256')
    .update([seed, ...part].join('/'))
    .digest()
    .readUInt32LE(0);
}

/** Whole number from `min` to `max`, both included. */
export function integerBetween(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}
