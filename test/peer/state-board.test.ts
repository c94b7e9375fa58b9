import { expect } from 'chai';
import { VirtualClock } from '../../common/runtime/clock.js';
import type { PeerState } from '../../peer/api.js';
import { StateBoard } from '../../peer/state-board.js';

describe('StateBoard', () => {
  let clock: VirtualClock;
  let sentBytesPerSecond: number;
  let board: StateBoard;
  let states: PeerState[];

  beforeEach(() => {
    clock = new VirtualClock();
    sentBytesPerSecond = 0;
    const quiet = { downloads: [], uploads: [], receivedBytesPerSecond: 0 };
    board = new StateBoard({ compose: () => ({ ...quiet, sentBytesPerSecond }) as never }, clock);
    states = [];
    board.onState((state) => states.push(state));
    clock.advance(0);
    states.length = 0;
  });

  it('tells listeners at most ten times a second, however often something changes', () => {
    for (let step = 0; step < 1_000; step += 1) {
      board.notice('info', `notice ${step}`);
      clock.advance(1);
    }

    expect(states.length).to.be.within(9, 10);
  });

  it('always tells the last change', () => {
    board.notice('info', 'first');
    board.notice('info', 'last');
    clock.advance(200);

    expect(states.at(-1)?.notices.map(({ text }) => text)).to.deep.equal(['first', 'last']);
  });

  it('keeps the latest 200 notices', () => {
    for (let step = 0; step < 500; step += 1) board.notice('info', `notice ${step}`);

    expect(board.state().notices.map(({ text }) => text)).to.deep.equal(
      Array.from({ length: 200 }, (_, index) => `notice ${300 + index}`),
    );
  });

  it('says nothing while nothing changes, and goes on by itself while bytes move', () => {
    clock.advance(10_000);
    expect(states).to.have.length(0);

    sentBytesPerSecond = 1_000;
    board.touch();
    clock.advance(10_000);
    expect(states.length).to.be.within(40, 60);
  });

  it('tells a rate until it is 0 again, also when the transfer is over', () => {
    sentBytesPerSecond = 1_000;
    board.touch();
    clock.advance(1_000);

    sentBytesPerSecond = 0;
    clock.advance(1_000);

    expect(states.at(-1)?.sentBytesPerSecond).to.equal(0);
  });

  it('leaves no timer behind', () => {
    sentBytesPerSecond = 1_000;
    board.touch();
    clock.advance(1_000);

    board.close();
    clock.advance(1_000);

    expect(clock.pendingTimers).to.equal(0);
  });
});
