/** F39: how peers return after an outage, whatever its length: soon, and never all at once. */
import { expect } from 'chai';
import { reconnectWait } from '../../peer/tracker-client/reconnect-wait.js';

const PEERS = 10_000;

/** How long after the end of an outage each of the peers tries again, ms. */
function returns(outageMs: number): number[] {
  return Array.from({ length: PEERS }, () => {
    let at = 0;
    for (let tries = 0; at < outageMs; tries += 1) at += reconnectWait(tries, at);
    return at - outageMs;
  });
}

describe('peers whose tracker was away', () => {
  for (const outageMs of [300, 2_000, 5_000, 10_000]) {
    it(`for ${outageMs / 1_000} s are all back within 1.5 s`, () => {
      expect(Math.max(...returns(outageMs))).to.be.below(1_500);
    });
  }

  it('for ten minutes are back within one longest wait, no more than a tenth of them in any second', () => {
    const back = returns(600_000);

    const perSecond = Map.groupBy(back, (ms) => Math.floor(ms / 1_000));
    expect(Math.max(...back)).to.be.below(30_000 * 1.25);
    expect(Math.max(...[...perSecond.values()].map(({ length }) => length))).to.be.below(PEERS / 10);
  });
});
