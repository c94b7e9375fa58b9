import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import { UploadTally } from '../../peer/upload/upload-row.js';

describe('UploadTally', () => {
  it('tells when bytes begin to move, and again after a rest', () => {
    const clock = new VirtualClock();
    const activeAt: boolean[] = [];
    const tally: UploadTally = new UploadTally('film.mkv', 'bob', {
      clock,
      onBegin: () => activeAt.push(tally.isActive),
    });

    for (let step = 0; step < 10; step += 1) {
      tally.add(1_000);
      clock.advance(100);
    }
    clock.advance(60_000);
    tally.add(1_000);

    expect(activeAt, 'what is told can be seen').to.deep.equal([true, true]);
  });
});
