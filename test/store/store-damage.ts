import { expect } from 'chai';
import { StoreError } from '../../tracker/store/store-error.js';
import { integerBetween, type Random } from '../support/seed.js';
import { answersOf, type Image, layDown } from './store-image.js';

/** Flips one bit at a time: the store answers as before, says what it left out, or is refused. Returns how often it was refused. */
export async function flipBits(path: string, image: Image, flips: number, random: Random): Promise<number> {
  layDown(path, image);
  const right = await answersOf(path);
  let refused = 0;
  for (let flip = 0; flip < flips; flip += 1) {
    const parts = Object.entries(image).filter(([, bytes]) => bytes.length > 0);
    const [part, bytes] = parts[integerBetween(random, 0, parts.length - 1)]!;
    const bit = integerBetween(random, 0, bytes.length * 8 - 1);
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    layDown(path, { ...image, [part]: flipped });

    const found = await answersOf(path);

    const where = `bit ${bit} of tracker.sqlite${part}`;
    if (found instanceof StoreError) {
      refused += 1;
      expect(found.code, where).to.equal('corrupt');
      expect(found.message, where)
        .to.match(/is damaged: /)
        .and.to.contain('shoal tracker restore FILE');
    } else if (found.notices.length === 0) {
      expect(found, where).to.deep.equal(right);
    }
  }
  return refused;
}

/** States in which a crash may leave the files while pages move from the log to the database: each half page old or new. */
export async function mixStates(
  path: string,
  { before, after }: { before: Image; after: Image },
  { states, random }: { states: number; random: Random },
): Promise<void> {
  const HALF_PAGE = 2_048;
  layDown(path, before);
  const right = await answersOf(path);
  for (let state = 0; state < states; state += 1) {
    const mixed = Buffer.from(after['']!);
    for (let at = 0; at < before['']!.length; at += HALF_PAGE)
      if (random() < 0.5) before['']!.copy(mixed, at, at, at + HALF_PAGE);
    const sums = after['-sums']!;
    layDown(path, {
      '': random() < 0.3 ? mixed.subarray(0, before['']!.length) : mixed,
      '-wal': before['-wal']!,
      '-sums': sums.subarray(0, integerBetween(random, before['-sums']!.length, sums.length)),
    });

    expect(await answersOf(path), `state ${state}`).to.deep.equal(right);
  }
}
