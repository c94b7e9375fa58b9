import { expect } from 'chai';

import { FairQueue } from '../../peer/file-port/fair-queue.js';
import { waitFor } from '../support/wait-for.js';

describe('FairQueue', () => {
  const signal = new AbortController().signal;

  it('never runs more than it has places, in all and for one owner', async () => {
    const queue = new FairQueue({ places: 3, placesPerOwner: 2 });
    const running = new Map<string, number>();
    let most = 0;
    const task = (owner: string) => async (): Promise<void> => {
      running.set(owner, (running.get(owner) ?? 0) + 1);
      most = Math.max(
        most,
        [...running.values()].reduce((a, b) => a + b, 0),
      );
      expect(running.get(owner)).to.be.at.most(2);
      await new Promise((resolve) => setImmediate(resolve));
      running.set(owner, (running.get(owner) ?? 0) - 1);
    };
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => queue.run(task(`user ${n % 3}`), { owner: `user ${n % 3}`, signal })),
    );

    expect(most).to.equal(3);
    expect(queue.running).to.equal(0);
  });

  it('gives a place back when a task fails, and skips one that was aborted while it waited', async () => {
    const queue = new FairQueue({ places: 1 });
    const gate = Promise.withResolvers<void>();
    const stop = new AbortController();
    const failing = queue.run(() => gate.promise.then(() => Promise.reject(new Error('broken'))), {
      owner: 'a',
      signal,
    });
    const aborted = queue.run(async () => 'never', { owner: 'a', signal: stop.signal });
    const third = queue.run(async () => 'third', { owner: 'a', signal });
    stop.abort(new Error('stopped'));
    const outcomes = Promise.allSettled([failing, aborted, third]);
    gate.resolve();

    expect(
      (await outcomes).map((outcome) =>
        outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as Error).message,
      ),
    ).to.deep.equal(['broken', 'stopped', 'third']);
    expect(queue.isContended).to.equal(false);
  });

  it('says places in the line as they change', async () => {
    const queue = new FairQueue({ places: 1 });
    const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
    const said: string[] = [];
    const all = gates.map((gate, n) =>
      queue.run(() => gate.promise, {
        owner: `${n}`,
        signal,
        onPosition: (place) => said.push(`${n}:${place().position}`),
      }),
    );
    await waitFor(() => said.length === 2);
    gates[0]?.resolve();
    await waitFor(() => said.length === 3);
    gates[1]?.resolve();
    gates[2]?.resolve();
    await Promise.all(all);

    expect(said).to.deep.equal(['1:1', '2:2', '2:1']);
  });
});
