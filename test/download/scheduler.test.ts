import { expect } from 'chai';
import fc from 'fast-check';

import type { ChunkRanges } from '../../common/protocol/peer-messages.js';
import { ChunkSet } from '../../peer/download/chunk-set.js';
import { Scheduler, type Span } from '../../peer/download/scheduler.js';
import { randomFrom, seedFor } from '../support/seed.js';

const SMALL_FILE = 40;

/** A source of a virtual network: so fast, with so much, and perhaps gone after a while. */
interface VirtualSource {
  readonly chunksPerTick: number;
  readonly has: 'all' | ChunkRanges;
  /** It dies at this tick. */
  readonly diesAt: number;
}

interface Outcome {
  readonly isComplete: boolean;
  readonly received: number;
  readonly ticks: number;
  readonly mostAtOnce: number;
}

const WINDOW = 8;
const MAX_TICKS = 5_000;

/** Runs a download in a network without packets: each tick every source delivers as many chunks as it is fast. */
function simulate(total: number, sources: readonly VirtualSource[], startAt = 0): Outcome {
  const scheduler = new Scheduler({ total, startAt });
  const asked = sources.map((): number[] => []);
  const credit = sources.map(() => 0);
  const alive = sources.map(() => true);
  let [received, tick, mostAtOnce] = [0, 0, 0];
  for (const [id, { has }] of sources.entries()) scheduler.setSource(`${id}`, has);
  for (; tick < MAX_TICKS && !scheduler.isComplete && alive.includes(true); tick += 1) {
    for (const [id, source] of sources.entries()) {
      if (!alive[id]) continue;
      if (tick >= source.diesAt) {
        scheduler.removeSource(`${id}`);
        alive[id] = false;
        continue;
      }
      scheduler.setSpeed(`${id}`, source.chunksPerTick);
      const queue = asked[id] as number[];
      for (
        let span: Span | undefined;
        queue.length <= WINDOW / 2 && (span = scheduler.next(`${id}`, WINDOW / 2)) !== undefined;
      ) {
        for (let index = span.first; index < span.first + span.count; index += 1) queue.push(index);
      }
      mostAtOnce = Math.max(mostAtOnce, queue.length);
      credit[id] = Math.min(queue.length, (credit[id] ?? 0) + source.chunksPerTick);
      for (; (credit[id] as number) >= 1; credit[id] = (credit[id] as number) - 1) {
        received += 1;
        scheduler.arrived(`${id}`, queue.shift() as number);
      }
      asked[id] = queue.filter((index) => scheduler.isWanted(`${id}`, { first: index, count: 1 }));
    }
  }
  return { isComplete: scheduler.isComplete, received, ticks: tick, mostAtOnce };
}

describe('Scheduler', () => {
  it('asks for every chunk once when there is one source', () => {
    for (const total of [0, 1, 2, 7, 100]) {
      const { isComplete, received } = simulate(total, [{ chunksPerTick: 3, has: 'all', diesAt: Infinity }]);

      expect({ isComplete, received }).to.deep.equal({ isComplete: true, received: total });
    }
  });

  const source = fc.record({
    chunksPerTick: fc.constantFrom(0.05, 0.5, 1, 4, 20),
    has: fc.constant('all' as const),
    diesAt: fc.constantFrom(Infinity, Infinity, 3, 20),
  });

  it('always completes while one source with all lives, and wastes at most two chunks a source', () => {
    const seed = seedFor('scheduler completes');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.array(source, { minLength: 0, maxLength: 5 }),
        fc.nat(300),
        (total, others, startAt) => {
          const { isComplete, received, mostAtOnce } = simulate(
            total,
            [{ chunksPerTick: 1, has: 'all', diesAt: Infinity }, ...others],
            startAt,
          );

          expect(isComplete).to.equal(true);
          expect(received).to.be.at.most(total + 2 * (others.length + 1));
          expect(mostAtOnce).to.be.at.most(WINDOW);
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  it('is about as fast as all sources together', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 5 }), (speeds) => {
        const sum = speeds.reduce((a, b) => a + b, 0);
        const { ticks } = simulate(
          sum * 40,
          speeds.map((chunksPerTick) => ({
            chunksPerTick: Math.min(chunksPerTick, WINDOW / 2),
            has: 'all' as const,
            diesAt: Infinity,
          })),
        );
        const possible = (sum * 40) / speeds.map((speed) => Math.min(speed, WINDOW / 2)).reduce((a, b) => a + b, 0);

        expect(ticks).to.be.at.most(Math.ceil(possible * 1.15) + 2);
      }),
      { seed: seedFor('scheduler speed'), numRuns: 100 },
    );
  });

  it('completes whenever the living sources have every chunk between them', () => {
    const seed = seedFor('partial sources');
    const random = randomFrom(seed);
    for (let round = 0; round < 200; round += 1) {
      const sets = Array.from({ length: 3 }, () => new ChunkSet(SMALL_FILE));
      for (let index = 0; index < SMALL_FILE; index += 1) {
        sets[Math.floor(random() * 3)]?.add(index);
        if (random() < 0.3) sets[Math.floor(random() * 3)]?.add(index);
      }

      const outcome = simulate(
        SMALL_FILE,
        sets.map((set) => ({ chunksPerTick: 1, has: set.toRanges(), diesAt: Infinity })),
      );

      expect(outcome.isComplete).to.equal(true);
      expect(outcome.received).to.be.at.most(SMALL_FILE + 3);
    }
  });

  it('goes its own way among chunks that are equally rare, whatever it has taken from another downloader', () => {
    const scheduler = new Scheduler({ total: 100, startAt: 70 });
    scheduler.setSource('publisher', 'all');
    scheduler.setSource('other', [[10, 20]]);
    for (let span = scheduler.next('other', 4); span !== undefined; span = scheduler.next('other', 4))
      for (let index = span.first; index < span.first + span.count; index += 1) scheduler.arrived('other', index);

    expect(scheduler.next('publisher', 1)).to.deep.equal({ first: 70, count: 1 });
  });

  it('asks for what is ours to bring before what others bring, and for both before what a downloader has', () => {
    const places = [2, 0, 1, 0, 0, 0];
    const scheduler = new Scheduler({ total: 6, placeFor: (index) => places[index] ?? 9 });
    scheduler.setSource('publisher', 'all');
    scheduler.setSource('other', []);
    scheduler.addChunks('other', [[3, 5]]);

    const order = Array.from({ length: 6 }, () => scheduler.next('publisher', 1)?.first);
    expect(order.slice(0, 4)).to.deep.equal([1, 5, 2, 0]);
    expect(order.slice(4)).to.have.members([3, 4]);
  });

  it('leaves to others what they bring, as long as it is patient', () => {
    const scheduler = new Scheduler({ total: 4, placeFor: (index) => (index === 2 ? 0 : 1) });
    scheduler.setSource('publisher', 'all');
    scheduler.setSource('downloader', [[0, 1]]);

    expect(scheduler.next('publisher', 1, { isPatient: true })).to.deep.equal({ first: 2, count: 1 });
    expect(scheduler.next('publisher', 1, { isPatient: true })).to.equal(undefined);
    scheduler.addChunks('downloader', [[3, 4]]);
    expect(scheduler.next('downloader', 2, { isPatient: true })).to.deep.equal({ first: 0, count: 1 });
    expect(scheduler.next('publisher', 4)).to.deep.equal({ first: 1, count: 1 });
    expect(scheduler.next('publisher', 1, { isPatient: true }), 'all others were brought').to.deep.equal({
      first: 3,
      count: 1,
    });
  });

  it('takes from a source what it got meanwhile', () => {
    const scheduler = new Scheduler({ total: 4 });
    scheduler.setSource('a', [[0, 1]]);
    expect(scheduler.next('a', 4)).to.deep.equal({ first: 0, count: 1 });
    expect(scheduler.next('a', 4)).to.equal(undefined);

    scheduler.addChunks('a', [[0, 1]]);
    scheduler.addChunks('a', [[2, 9]]);
    scheduler.addChunks('nobody', 'all');

    expect(scheduler.next('a', 4)).to.deep.equal({ first: 2, count: 2 });
    scheduler.addChunks('a', 'all');
    expect(scheduler.next('a', 4)).to.deep.equal({ first: 1, count: 1 });
  });

  it('asks for the rarest chunk first', () => {
    const scheduler = new Scheduler({ total: 4 });
    scheduler.setSource('a', [[0, 4]]);
    scheduler.setSource('b', [
      [0, 2],
      [3, 4],
    ]);
    scheduler.setSource('c', [
      [0, 2],
      [3, 4],
    ]);

    expect(scheduler.next('a', 1)).to.deep.equal({ first: 2, count: 1 });
  });

  it('never asks a source for what it does not have', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.nat(59), { maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (total, indices, most) => {
          const set = new ChunkSet(total);
          for (const index of indices) set.add(index);
          const scheduler = new Scheduler({ total });
          scheduler.setSource('a', set.toRanges());
          for (let span = scheduler.next('a', most); span !== undefined; span = scheduler.next('a', most)) {
            expect(span.count).to.be.within(1, most);
            for (let index = span.first; index < span.first + span.count; index += 1)
              expect(set.delete(index)).to.equal(true);
          }

          expect(set.size).to.equal(0);
        },
      ),
      { seed: seedFor('only what it has'), numRuns: 300 },
    );
  });

  it('gives the chunks of a source that left to the others', () => {
    const scheduler = new Scheduler({ total: 4 });
    scheduler.setSource('a', 'all');
    scheduler.setSource('b', 'all');
    const first = scheduler.next('a', 1);
    scheduler.removeSource('a');

    expect(scheduler.next('b', 1)).to.deep.equal(first);
  });

  it('lets a fast source take over the last chunk of a slow one, and no third', () => {
    const scheduler = new Scheduler({ total: 1 });
    for (const id of ['slow', 'fast', 'third']) scheduler.setSource(id, 'all');
    scheduler.setSpeed('slow', 10);
    scheduler.setSpeed('fast', 1_000);
    scheduler.setSpeed('third', 1_000);
    scheduler.next('slow', 1);

    expect(scheduler.next('fast', 4)).to.deep.equal({ first: 0, count: 1 });
    expect(scheduler.next('third', 4)).to.equal(undefined);
    expect(scheduler.arrived('fast', 0)).to.equal(true);
    expect(scheduler.isAsked(0), 'the slow one has to be told').to.equal(true);
    expect(scheduler.arrived('slow', 0)).to.equal(false);
  });

  it('takes from a slow source what is not on its way yet, so that it need not come twice', () => {
    const scheduler = new Scheduler({ total: 2 });
    for (const id of ['slow', 'fast']) scheduler.setSource(id, 'all');
    scheduler.setSpeed('slow', 10);
    scheduler.setSpeed('fast', 1_000);
    scheduler.next('slow', 1);
    scheduler.next('slow', 1);

    expect(scheduler.next('fast', 4)).to.deep.equal({ first: 1, count: 1, takenFrom: 'slow' });
    expect(scheduler.isWanted('slow', { first: 1, count: 1 })).to.equal(false);
    expect(scheduler.isWanted('slow', { first: 0, count: 1 })).to.equal(true);
  });

  it('asks for at most one chunk of a hundred twice while it comes', () => {
    const total = 300;
    const scheduler = new Scheduler({ total });
    const slow = Array.from({ length: total }, (_, n) => `slow ${n}`);
    for (const id of slow) {
      scheduler.setSource(id, 'all');
      scheduler.setSpeed(id, 10);
      scheduler.next(id, 1);
    }
    scheduler.setSource('fast', 'all');
    scheduler.setSpeed('fast', 1_000_000);

    let twice = 0;
    while (scheduler.next('fast', 1) !== undefined) twice += 1;
    expect(twice).to.equal(total / 100);
  });
});

describe('ChunkSet', () => {
  it('is the same after it was written as ranges and read again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.nat(250)), (total, indices) => {
        const set = new ChunkSet(total);
        for (const index of indices) set.add(index);
        const again = ChunkSet.from(set.toRanges(), total);

        expect(again.size).to.equal(set.size);
        for (let index = 0; index < total; index += 1) expect(again.has(index)).to.equal(set.has(index));
      }),
      { seed: seedFor('ranges'), numRuns: 300 },
    );
  });

  it('ignores ranges outside the file', () => {
    expect(ChunkSet.from([[5, 2 ** 40]], 7).size).to.equal(2);
  });
});
