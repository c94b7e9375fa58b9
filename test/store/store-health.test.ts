/** F01, F19, F40: what a crash or a bad disk leaves is opened right, or refused with its place; never answered from wrongly. */
import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { StoreError } from '../../tracker/store/store-error.js';
import { randomFrom, seedFor } from '../support/seed.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { flipBits, mixStates } from './store-damage.js';
import { answersOf, commit, killedStore, layDown, namesIn, openWithAlice, takeImage } from './store-image.js';

const FLIPS = 60;
const COMMITS = 12;

describe('the files of a store', () => {
  let dir: TempDir;
  let path: string;
  beforeEach(async () => {
    dir = await tempDir({ ram: true });
    path = dir.join('tracker.sqlite');
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  const killed = () => killedStore(path, COMMITS);

  async function stopped() {
    await killed();
    return takeImage(path);
  }

  for (const [name, make] of [
    ['stopped', stopped],
    ['killed', async () => (await killed()).image],
  ] as const) {
    it(`of a tracker that was ${name} never give a wrong answer after a flipped bit, and damage is told with its place`, async () => {
      const refused = await flipBits(path, await make(), FLIPS, randomFrom(seedFor(`flips ${name}`)));

      expect(refused).to.be.greaterThan(0);
    });
  }

  it('cut off at any place of the log have every commit before it, in order, and no other', async () => {
    const { image, committedAt } = await killed();
    const log = image['-wal']!;
    const places = [0, 32, ...committedAt, ...committedAt.map((at) => at - 1), ...committedAt.map((at) => at - 2_000)];
    for (const end of places) {
      layDown(path, { ...image, '-wal': log.subarray(0, end) });

      const names = await namesIn(path);

      const whole = committedAt.filter((at) => at <= end).length;
      const expected = Array.from({ length: whole }, (_, index) => [`file ${index}`, `and ${index}`]).flat();
      expect(names, `cut at ${end}`).to.deep.equal(['moved to the database', ...expected].toSorted());
    }
  });

  it('with a changed byte in the middle of the log are refused, and left as they are', async () => {
    const { image, committedAt } = await killed();
    const log = Buffer.from(image['-wal']!);
    log[committedAt[3]! + 100]! ^= 1;
    layDown(path, { ...image, '-wal': log });

    const refused = (await answersOf(path)) as StoreError;

    expect(refused).to.be.instanceOf(StoreError);
    expect(refused.message).to.contain(`tracker.sqlite-wal is damaged: at byte ${committedAt[3]}`);
    expect(takeImage(path)).to.deep.equal({ ...image, '-wal': log });
  });

  it('may be in any mixture of old and new while pages are moved to the database', async () => {
    const { image: before } = await killed();
    const after = takeImage(path); // closed meanwhile: all pages were moved

    await mixStates(path, { before, after }, { states: FLIPS, random: randomFrom(seedFor('mixtures')) });
  });

  it('without their database are refused: it was there once', async () => {
    layDown(path, await stopped());
    rmSync(path);

    expect(((await answersOf(path)) as StoreError).message).to.contain('is missing, though its checksums are there');
  });

  it('of an earlier version, without checksums, are looked through once and get them', async () => {
    const { '-sums': _sums, ...image } = await stopped();
    layDown(path, image);
    expect(await answersOf(path)).not.to.be.instanceOf(Error);

    expect(takeImage(path)).to.have.property('-sums');
    const damaged = takeImage(path);
    damaged['']![10_000]! ^= 4;
    layDown(path, damaged);
    expect(await answersOf(path)).to.be.instanceOf(StoreError);
  });

  it('move to the database as the log grows, and stay proven', async () => {
    const engine = await openWithAlice(path);
    for (let index = 0; index < 400; index += 1) await commit(engine, `name number ${index} of many`);
    const image = takeImage(path);
    engine.close();
    layDown(path, image);

    expect(image['']!.length).to.be.greaterThan(100_000);
    expect(await namesIn(path)).to.have.length(400);
  });
});
