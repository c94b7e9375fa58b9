import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { Turns } from '../../tracker/transport/turns.js';

describe('Turns', () => {
  it('runs so many at once, the others in the order they came, and says when no more may wait', async () => {
    const turns = new Turns({ atOnce: 2, waiting: 2 });
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const run = (number: number): Promise<number> =>
      turns.run(async () => {
        begun.push(number);
        await new Promise<void>((resolve) => ends.push(resolve));
        return number;
      });

    const results = [run(1), run(2), run(3)];
    expect(turns.isFull).to.equal(false);
    results.push(run(4));
    expect([begun, turns.isFull]).to.deep.equal([[1, 2], true]);
    for (const count of [3, 4]) {
      ends.shift()?.();
      await nextTurn();
      expect(begun).to.have.length(count);
    }
    for (const end of ends) end();

    expect(await Promise.all(results)).to.deep.equal([1, 2, 3, 4]);
    expect([begun, turns.isFull]).to.deep.equal([[1, 2, 3, 4], false]);
  });

  it('gives the place of work that failed to the next', async () => {
    const turns = new Turns({ atOnce: 1, waiting: 1 });

    const failed = turns.run(() => Promise.reject(new Error('no'))).catch((error: Error) => error.message);
    const next = turns.run(async () => 'yes');

    expect(await Promise.all([failed, next])).to.deep.equal(['no', 'yes']);
    expect(await turns.run(async () => 'again')).to.equal('again');
  });
});
