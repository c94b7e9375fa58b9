import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { Changes } from '../../peer/tui/changes.js';
import { mostInOneSecond } from '../support/terminal.js';

describe('Changes', () => {
  it('tells the first at once, then at most ten a second, and never forgets the last', () => {
    const clock = new VirtualClock();
    const changes = new Changes(clock);
    const heardAt: number[] = [];
    let changedAt = clock.monotonic();
    const firstAt = changedAt;
    changes.subscribe(() => heardAt.push(clock.monotonic()));

    for (let change = 0; change < 3_000; change += 1) {
      changedAt = clock.monotonic();
      changes.emit();
      clock.advance(1);
    }
    clock.advance(1_000);

    expect(heardAt[0]).to.equal(firstAt);
    expect(mostInOneSecond(heardAt)).to.be.within(9, 10);
    expect(heardAt.at(-1)).to.be.at.least(changedAt);
  });
});
