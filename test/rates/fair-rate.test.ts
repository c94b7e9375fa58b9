import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import { FairRate } from '../../peer/rates/fair-rate.js';

const PIECE = 1_000;

describe('FairRate', () => {
  let clock: VirtualClock;
  let passed: Map<string, number>;

  beforeEach(() => {
    clock = new VirtualClock();
    passed = new Map();
  });

  /** Takes piece after piece for `owner` until aborted. */
  async function taker(rate: FairRate, owner: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await rate.take(PIECE, { owner, signal });
      passed.set(owner, (passed.get(owner) ?? 0) + PIECE);
    }
  }

  async function run(rate: FairRate, owners: readonly string[], ms: number): Promise<void> {
    const stop = new AbortController();
    const takers = owners.map((owner) => taker(rate, owner, stop.signal).catch((error: unknown) => error));
    await clock.advanceAsync(ms);
    stop.abort(new Error('over'));
    await Promise.all(takers);
  }

  it('lets as many bytes pass in a time as its rate says', async () => {
    await run(new FairRate(clock, 100_000), ['a', 'b', 'c'], 2_000);

    const sum = [...passed.values()].reduce((a, b) => a + b);
    expect(sum).to.be.within(200_000, 206_000);
  });

  it('gives each owner the same, however many of its pieces wait', async () => {
    await run(new FairRate(clock, 100_000), [...Array<string>(9).fill('greedy'), 'modest'], 2_000);

    expect(passed.get('modest')).to.be.closeTo(passed.get('greedy') ?? 0, 10 * PIECE);
  });

  it('goes on at the new rate at once when it is changed', async () => {
    const rate = new FairRate(clock, 1_000);
    const long = rate.take(60_000, { owner: 'a', signal: AbortSignal.abort() });
    expect(long, 'the first piece leaves at once').to.equal(undefined);
    const next = rate.take(1, { owner: 'a', signal: new AbortController().signal });
    let isThrough = false;
    void next?.then(() => {
      isThrough = true;
    });
    await clock.advanceAsync(1_000);
    expect(isThrough).to.equal(false);

    rate.bytesPerSecond = 1_000_000;
    await clock.advanceAsync(70);

    expect(isThrough).to.equal(true);
  });

  it('lets all pass when the limit is taken away, and keeps no timer', async () => {
    const rate = new FairRate(clock, 1_000);
    await run(rate, ['a'], 100);
    const waiting = [1, 2].map(() => rate.take(5_000, { owner: 'a', signal: new AbortController().signal }));

    rate.bytesPerSecond = undefined;

    await Promise.all(waiting);
    expect(rate.take(1e9, { owner: 'a', signal: new AbortController().signal })).to.equal(undefined);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('lets nobody wait for one who left', async () => {
    const rate = new FairRate(clock, 10_000);
    void rate.take(10_000, { owner: 'a', signal: new AbortController().signal });
    const stop = new AbortController();
    const gone = rate.take(1_000_000, { owner: 'a', signal: stop.signal });
    const stays = rate.take(1, { owner: 'b', signal: new AbortController().signal });
    stop.abort(new Error('left'));

    expect(await gone?.catch((error: Error) => error.message)).to.equal('left');
    await clock.advanceAsync(1_000);
    await stays;
  });
});
