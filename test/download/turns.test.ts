import { expect } from 'chai';

import { Turns } from '../../peer/download/turns.js';

const forever = new AbortController().signal;

/** Tasks that end when told, and the order in which they began. */
function tasks(turns: Turns) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, rank: () => number = () => 1, signal: AbortSignal = forever): Promise<void> =>
    turns.run(
      () => {
        begun.push(name);
        const { promise, resolve } = Promise.withResolvers<void>();
        ends.set(name, resolve);
        return promise;
      },
      { rank, signal },
    );
  return { begun, run, end: (name: string) => ends.get(name)?.() };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Turns', () => {
  it('runs as many at once as there are places, then in the order of arrival', async () => {
    const { begun, run, end } = tasks(new Turns(2));
    for (const name of ['a', 'b', 'c', 'd']) void run(name);
    await settled();
    expect(begun).to.deep.equal(['a', 'b']);

    end('b');
    await settled();

    expect(begun).to.deep.equal(['a', 'b', 'c']);
  });

  it('lets the highest rank go first, as it is when the place becomes free', async () => {
    const { begun, run, end } = tasks(new Turns(1));
    let rankOfLow = 0;
    void run('first');
    void run('low', () => rankOfLow);
    void run('normal');
    void run('high', () => 2);
    await settled();
    end('first');
    await settled();
    rankOfLow = 3;
    end('high');
    await settled();

    expect(begun).to.deep.equal(['first', 'high', 'low']);
  });

  it('gives no place to one that was stopped while it waited, and keeps none that failed', async () => {
    const turns = new Turns(1);
    const { begun, run, end } = tasks(turns);
    const stop = new AbortController();
    void run('first');
    const stopped = run('stopped', undefined, stop.signal).catch((error: unknown) => error);
    await settled();
    const reason = new Error('enough');
    stop.abort(reason);
    expect(await stopped).to.equal(reason);
    const failure = turns.run(() => Promise.reject(reason), { rank: () => 5, signal: forever }).catch(() => 'failed');
    end('first');
    expect(await failure).to.equal('failed');
    void run('last');
    await settled();

    expect(begun).to.deep.equal(['first', 'last']);
  });
});
