import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualClock } from '../../common/runtime/clock.js';
import { TokenBuckets } from '../../tracker/policy/token-buckets.js';

const SIZE = { perSecond: 20, atOnce: 5 };

describe('token buckets', () => {
  it('give what may come at once, then so many a second, and say when there is the next', () => {
    const clock = new VirtualClock();
    const buckets = new TokenBuckets(clock, 10);
    const taken = Array.from({ length: 6 }, () => buckets.take('alice', SIZE));

    clock.advance(25);
    const early = buckets.take('alice', SIZE);
    clock.advance(25);
    const due = buckets.take('alice', SIZE);

    expect(taken).to.deep.equal([0, 0, 0, 0, 0, 50]);
    expect([early, due]).to.deep.equal([25, 0]);
  });

  it('give one large request at once, and wait for what it took', () => {
    const clock = new VirtualClock();
    const buckets = new TokenBuckets(clock, 10);

    expect(buckets.take('alice', SIZE, 25)).to.equal(0);
    expect(buckets.has('alice', SIZE)).to.equal(false);
    expect(buckets.take('alice', SIZE)).to.equal(1_050);
  });

  it('keep the tokens of one key from no other', () => {
    const buckets = new TokenBuckets(new VirtualClock(), 10);
    for (let count = 0; count < 100; count += 1) buckets.take('mallory', SIZE);

    expect(buckets.take('alice', SIZE)).to.equal(0);
  });

  it('forget the key that was used longest ago when there are too many', () => {
    const buckets = new TokenBuckets(new VirtualClock(), 2);
    for (const key of ['alice', 'bob', 'alice']) buckets.take(key, SIZE, 5);

    buckets.take('carol', SIZE);

    expect(buckets.has('alice', SIZE)).to.equal(false);
    expect(buckets.has('bob', SIZE)).to.equal(true);
  });

  it('never give more than one bucket and what came back, however they are asked', () => {
    const askedAt = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 100 });
    fc.assert(
      fc.property(askedAt, (pauses) => {
        const clock = new VirtualClock();
        const buckets = new TokenBuckets(clock, 10);
        let given = 0;
        for (const pauseMs of pauses) {
          clock.advance(pauseMs);
          if (buckets.take('alice', SIZE) === 0) given += 1;
        }
        expect(given).to.be.at.most(SIZE.atOnce + (clock.monotonic() / 1_000) * SIZE.perSecond + 1e-6);
      }),
    );
  });
});
