import { expect } from 'chai';

import { Patience } from '../../peer/download/patience.js';
import { EventQueue } from '../simulation/event-queue.js';

describe('Patience', () => {
  const opened = (answerMs: number) => {
    const clock = new EventQueue();
    const overAt: number[] = [];
    const patience = new Patience(clock, () => overAt.push(clock.now()));
    patience.learn(answerMs);
    return { clock, patience, overAt, until: (ms: number) => clock.run(() => false, ms) };
  };

  for (const [answerMs, waitsMs] of [
    [1, 200],
    [1_000, 1_000],
    [60_000, 5_000],
  ] as const) {
    it(`ends ${waitsMs} ms after a source that took ${answerMs} ms has nothing but what others bring`, () => {
      const { patience, overAt, until } = opened(answerMs);
      patience.begin();
      patience.begin();
      until(Infinity);

      expect(overAt).to.deep.equal([waitsMs]);
    });
  }

  it('does not come back for four times as long, so that a slow downloader holds nobody up', () => {
    const { clock, patience, until } = opened(1_000);
    patience.begin();
    until(1_000);
    expect(patience.isOver).to.equal(true);
    clock.after(3_999, () => expect(patience.isOver).to.equal(true));
    clock.after(4_000, () => expect(patience.isOver).to.equal(false));
    until(Infinity);
  });

  it('does not end when the source was asked meanwhile', () => {
    const { patience, overAt, until } = opened(1_000);
    patience.begin();
    patience.end();
    until(Infinity);

    expect(overAt).to.deep.equal([]);
  });
});
