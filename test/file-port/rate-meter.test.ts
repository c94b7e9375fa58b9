import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import { RateMeter } from '../../peer/file-port/rate-meter.js';

describe('RateMeter', () => {
  it('follows a steady flow, and falls to nothing within 4 s of its end', () => {
    const clock = new VirtualClock();
    const meter = new RateMeter(clock);
    for (let n = 0; n < 100; n += 1) {
      meter.add(1_000);
      clock.advance(100);
    }

    expect(meter.bytesPerSecond).to.be.within(9_000, 11_000);
    clock.advance(4_250);
    expect(meter.bytesPerSecond).to.equal(0);
    expect(meter.total).to.equal(100_000);
  });
});
