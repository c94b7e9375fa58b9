import { expect } from 'chai';
import { COOKIE_LIFE_MS } from '../../common/protocol/limits.js';
import { VirtualClock } from '../../common/runtime/clock.js';
import { Cookies } from '../../common/wire/cookie.js';

describe('Cookies', () => {
  it('accepts a cookie from the address and port it was made for, and from no other', () => {
    const cookies = new Cookies(new VirtualClock());
    const cookie = cookies.make('203.0.113.7', 50_123);

    expect(cookie.length).to.equal(24);
    expect(cookies.check(cookie, '203.0.113.7', 50_123)).to.equal(true);
    expect(cookies.check(cookie, '203.0.113.8', 50_123)).to.equal(false);
    expect(cookies.check(cookie, '203.0.113.7', 50_124)).to.equal(false);
    expect(cookies.check(cookie, '::ffff:203.0.113.7', 50_123)).to.equal(false);
    expect(
      cookies.check(cookies.make('1.2.3.4', 55), '1.2.3.45', 5),
      'port and address must not run together',
    ).to.equal(false);
  });

  for (const offset of [0, 1, COOKIE_LIFE_MS / 2, COOKIE_LIFE_MS - 1]) {
    it(`a cookie made ${offset} ms into a period lives at least ${COOKIE_LIFE_MS} ms and at most twice that`, () => {
      const clock = new VirtualClock();
      const cookies = new Cookies(clock);
      clock.advance(offset);
      const cookie = cookies.make('203.0.113.7', 1);

      clock.advance(COOKIE_LIFE_MS);
      expect(cookies.check(cookie, '203.0.113.7', 1), 'after its life').to.equal(true);
      clock.advance(COOKIE_LIFE_MS);
      expect(cookies.check(cookie, '203.0.113.7', 1), 'after twice its life').to.equal(false);
    });
  }

  it('does not care what the wall clock does', () => {
    const clock = new VirtualClock();
    const cookies = new Cookies(clock);
    const cookie = cookies.make('203.0.113.7', 1);

    clock.jumpWall(-86_400_000);

    expect(cookies.check(cookie, '203.0.113.7', 1)).to.equal(true);
  });

  it('refuses every flipped bit, every other length, and the cookies of an earlier start', () => {
    const clock = new VirtualClock();
    const cookies = new Cookies(clock);
    const cookie = cookies.make('203.0.113.7', 1);

    for (let bit = 0; bit < cookie.length * 8; bit += 1) {
      const bad = Buffer.from(cookie);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(cookies.check(bad, '203.0.113.7', 1), `bit ${bit}`).to.equal(false);
    }
    for (let length = 0; length < 30; length += 1) {
      if (length !== 24) expect(cookies.check(Buffer.alloc(length), '203.0.113.7', 1)).to.equal(false);
    }
    expect(new Cookies(clock).check(cookie, '203.0.113.7', 1)).to.equal(false);
  });
});
