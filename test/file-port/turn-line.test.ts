import { expect } from 'chai';
import fc from 'fast-check';

import { VirtualClock } from '../../common/runtime/clock.js';
import { sleep } from '../../common/runtime/deadline.js';
import { FairQueue, type Place } from '../../peer/file-port/fair-queue.js';
import type { Turn } from '../../peer/file-port/turn-line.js';
import { seedFor } from '../support/seed.js';

const forever = new AbortController().signal;
const PIECE_MS = 20;

/** A task that moves `bytes` at `rate`, a little every 20 ms. */
class Work implements Turn {
  sent = 0;
  startedAt: number | undefined;
  readonly told: { readonly at: number; readonly place: Place }[] = [];

  constructor(
    readonly bytes: number,
    readonly rate: number,
  ) {}

  leftBytes(): number {
    return this.bytes - this.sent;
  }

  bytesPerSecond(): number {
    return 0; // as in the first moments of each turn: all goes by what is usual
  }

  async run(queue: FairQueue, owner: string, clock: VirtualClock): Promise<void> {
    const work = async (): Promise<void> => {
      this.startedAt = clock.monotonic();
      while (this.sent < this.bytes) {
        await sleep(PIECE_MS, { signal: forever, clock });
        const piece = Math.min((this.rate * PIECE_MS) / 1_000, this.bytes - this.sent);
        this.sent += piece;
        queue.moved(piece);
      }
    };
    const onPosition = (place: () => Place): void => {
      this.told.push({ at: clock.monotonic(), place: place() });
    };
    await queue.run(work, { owner, turn: this, onPosition, signal: forever });
  }
}

describe('the forecast of a queue', () => {
  it('comes true, whoever waits for how much', async () => {
    const owners = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 50, max: 3_000 })), {
      minLength: 4,
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), owners, async (places, tasks) => {
        const clock = new VirtualClock();
        const queue = new FairQueue({ places, placesPerOwner: 2, clock });
        // What is usual is known from before.
        const before = Array.from({ length: places }, (_, n) => new Work(2_000, 1_000).run(queue, `${n}`, clock));
        await clock.advanceAsync(2_500);
        await Promise.all(before);
        const works = tasks.map(([owner, bytes]) => ({ owner, work: new Work(bytes, 1_000) }));
        const all = works.map(({ owner, work }) => work.run(queue, owner, clock));
        await clock.advanceAsync(100_000);
        await Promise.all(all);

        for (const { work } of works) {
          for (const { at, place } of work.told) {
            const waited = (work.startedAt ?? Infinity) - at;
            expect(place.etaMs, JSON.stringify({ waited, place })).to.be.closeTo(waited, 0.15 * waited + 100);
          }
        }
      }),
      { seed: seedFor('the forecast comes true'), numRuns: 25 },
    );
  });

  it('is not given while nobody knows how fast it goes', async () => {
    const clock = new VirtualClock();
    const queue = new FairQueue({ places: 1, clock });
    const works = [new Work(1_000, 1_000), new Work(1_000, 1_000)];
    const all = works.map((work, n) => work.run(queue, `${n}`, clock));
    await clock.advanceAsync(5_000);
    await Promise.all(all);

    expect(works[1]?.told.map(({ place }) => place)).to.deep.equal([{ position: 1, etaMs: undefined }]);
  });

  it('lets an owner with two tasks have as many turns as one with one', async () => {
    const clock = new VirtualClock();
    const queue = new FairQueue({ places: 1, placesPerOwner: 1, clock });
    const moved = new Map<string, number>();
    const stop = { at: 20_000 };
    const always = async (owner: string): Promise<void> => {
      while (clock.monotonic() < stop.at) {
        await new Work(100, 1_000).run(queue, owner, clock);
        moved.set(owner, (moved.get(owner) ?? 0) + 100);
      }
    };
    const all = ['one', 'two', 'two', 'other'].map(always);
    await clock.advanceAsync(21_000);
    await Promise.all(all);

    expect(moved.get('two')).to.be.closeTo(moved.get('one') ?? 0, 300);
    expect(moved.get('other')).to.be.closeTo(moved.get('one') ?? 0, 300);
  });
});
