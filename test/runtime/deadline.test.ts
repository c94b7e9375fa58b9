import { getEventListeners } from 'node:events';

import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import { DeadlineError, ignoreAbort, isAbort, sleep, withDeadline } from '../../common/runtime/deadline.js';

describe('withDeadline', () => {
  it('aborts with a DeadlineError when the time is over', () => {
    const clock = new VirtualClock();
    using deadline = withDeadline(new AbortController().signal, 100, clock);

    clock.advance(99);
    expect(deadline.signal.aborted).to.equal(false);
    clock.advance(1);

    expect(deadline.signal.reason).to.be.instanceOf(DeadlineError).with.property('code', 'timeout');
  });

  it("aborts with the outer signal's own reason", () => {
    const outer = new AbortController();
    using deadline = withDeadline(outer.signal, 100, new VirtualClock());
    const reason = new Error('the user left');

    outer.abort(reason);

    expect(deadline.signal.reason).to.equal(reason);
  });

  it('is aborted from the start when the outer signal is', () => {
    using deadline = withDeadline(AbortSignal.abort('gone'), 100, new VirtualClock());

    expect(deadline.signal.reason).to.equal('gone');
  });

  it('leaves no timer and no listener behind', () => {
    const clock = new VirtualClock();
    const outer = new AbortController();
    for (let use = 0; use < 100; use += 1) {
      using deadline = withDeadline(outer.signal, 1_000, clock);
      expect(deadline.signal.aborted).to.equal(false);
    }

    expect(clock.pendingTimers).to.equal(0);
    expect(getEventListeners(outer.signal, 'abort')).to.have.length(0);
  });
});

describe('sleep', () => {
  it('ends after its time', async () => {
    const clock = new VirtualClock();
    const slept = sleep(50, { signal: new AbortController().signal, clock });

    clock.advance(50);

    await slept;
    expect(clock.pendingTimers).to.equal(0);
  });

  it("rejects with the signal's reason and gives its timer back", async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const outcome = sleep(50, { signal: controller.signal, clock }).catch((error: unknown) => error);

    controller.abort('enough');

    expect(await outcome).to.equal('enough');
    expect(clock.pendingTimers).to.equal(0);
  });

  it('does not start when the signal is aborted already', async () => {
    const clock = new VirtualClock();

    const outcome = await sleep(50, { signal: AbortSignal.abort('no'), clock }).catch((error: unknown) => error);

    expect(outcome).to.equal('no');
    expect(clock.pendingTimers).to.equal(0);
  });

  it('removes its listener from a long-lived signal', async () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    const slept = sleep(1, { signal, clock });
    clock.advance(1);
    await slept;

    expect(getEventListeners(signal, 'abort')).to.have.length(0);
  });
});

describe('ignoreAbort', () => {
  it('drops an abort', () => {
    ignoreAbort(AbortSignal.abort().reason);
  });

  it('drops the reason of the signal it is given', () => {
    ignoreAbort('bye', AbortSignal.abort('bye'));
  });

  for (const error of [new Error('disk full'), new DeadlineError(5), 'text', undefined]) {
    it(`throws ${String(error)} again`, () => {
      expect(isAbort(error)).to.equal(false);
      let thrown: unknown = 'nothing';
      try {
        ignoreAbort(error);
      } catch (caught) {
        thrown = caught;
      }
      expect(thrown).to.equal(error);
    });
  }

  it('takes a passed deadline for a failure, even as the reason of the signal', () => {
    const error = new DeadlineError(5);

    expect(isAbort(error, AbortSignal.abort(error))).to.equal(false);
  });
});
