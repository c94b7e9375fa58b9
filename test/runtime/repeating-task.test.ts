import { expect } from 'chai';

import { VirtualClock } from '../../common/runtime/clock.js';
import { type AbortOptions, sleep } from '../../common/runtime/deadline.js';
import { RepeatingTask } from '../../common/runtime/repeating-task.js';

describe('RepeatingTask', () => {
  let clock: VirtualClock;
  let errors: unknown[];
  let task: RepeatingTask;

  function create(
    run: (options: AbortOptions) => Promise<void> | void,
    more: { intervalMs?: number | (() => number); isEager?: boolean } = {},
  ): RepeatingTask {
    task = new RepeatingTask(run, { intervalMs: 100, onError: (error) => errors.push(error), clock, ...more });
    return task;
  }

  beforeEach(() => {
    clock = new VirtualClock();
    errors = [];
  });

  afterEach(async () => {
    await task.stop();
  });

  it('plans the next run after the last has ended, so that a slow run never overlaps itself', async () => {
    const starts: number[] = [];
    create(async ({ signal }) => {
      starts.push(clock.monotonic());
      await sleep(250, { signal, clock });
    }).start();

    await clock.advanceAsync(1_000);

    expect(starts).to.deep.equal([100, 450, 800]);
  });

  it('runs at once when eager, and once although started twice', async () => {
    let runs = 0;
    create(() => void (runs += 1), { isEager: true });

    task.start();
    task.start();
    await clock.advanceAsync(99);

    expect(runs).to.equal(1);
  });

  it('reports a failed run and goes on', async () => {
    let runs = 0;
    create(() => {
      runs += 1;
      throw new Error(`run ${runs}`);
    }).start();

    await clock.advanceAsync(300);

    expect(errors.map(String)).to.deep.equal(['Error: run 1', 'Error: run 2', 'Error: run 3']);
  });

  it('asks for the pause anew each time', async () => {
    let pauseMs = 10;
    const starts: number[] = [];
    create(() => void starts.push(clock.monotonic()), { intervalMs: () => (pauseMs *= 2) }).start();

    await clock.advanceAsync(150);

    expect(starts).to.deep.equal([20, 60, 140]);
  });

  it('hurries the next run, with a pause of its own, and runs once more when it is hurried in the middle of a run', async () => {
    const starts: number[] = [];
    task = new RepeatingTask(
      async ({ signal }) => {
        starts.push(clock.monotonic());
        await sleep(10, { signal, clock });
      },
      { intervalMs: 100, hurriedMs: 20, onError: (error) => errors.push(error), clock },
    );
    task.start();
    await clock.advanceAsync(50);

    task.hurry(); // at 50: nothing has run yet, so at once
    await clock.advanceAsync(5);
    task.hurry(); // in the run from 50 to 60
    task.hurry();
    await clock.advanceAsync(195);

    expect(starts).to.deep.equal([50, 80, 190]);
  });

  it('aborts the running one at stop, waits for its end, and takes the abort for no failure', async () => {
    let hasEnded = false;
    create(async ({ signal }) => {
      try {
        await sleep(10_000, { signal, clock });
      } finally {
        hasEnded = true;
      }
    }).start();
    await clock.advanceAsync(100);

    await task.stop();
    await task.stop();

    expect(hasEnded).to.equal(true);
    expect(errors).to.deep.equal([]);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('reports a real failure of a run that was being stopped', async () => {
    create(async ({ signal }) => {
      await sleep(10_000, { signal, clock }).catch(() => undefined);
      throw new Error('could not say goodbye');
    }).start();
    await clock.advanceAsync(100);

    await task.stop();

    expect(errors.map(String)).to.deep.equal(['Error: could not say goodbye']);
  });

  it('can be started again after a stop, and then runs once an interval', async () => {
    const starts: number[] = [];
    create(() => void starts.push(clock.monotonic())).start();
    await clock.advanceAsync(100);
    await task.stop();
    task.start();

    await clock.advanceAsync(200);

    expect(starts).to.deep.equal([100, 200, 300]);
  });
});
