import { expect } from 'chai';
import { Gate } from '../../../peer/library/hashing/gate.js';

describe('Gate', () => {
  const { signal } = new AbortController();

  it('lets no more in than it has places, and the others in their order', async () => {
    const gate = new Gate(2);
    const inside: string[] = [];
    const enter = async (name: string): Promise<Disposable> => {
      const place = await gate.enter({ signal });
      inside.push(name);
      return place;
    };

    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(enter);
    const first = await a!;
    await b;
    expect(inside).to.deep.equal(['a', 'b']);
    first[Symbol.dispose]();
    (await c!)[Symbol.dispose]();
    await d;

    expect(inside).to.deep.equal(['a', 'b', 'c', 'd']);
  });

  it('lets one in for a place that is given back twice', async () => {
    const gate = new Gate(1);
    const place = await gate.enter({ signal });
    const second = gate.enter({ signal });
    const third = new AbortController();
    const waiting = gate.enter({ signal: third.signal });

    place[Symbol.dispose]();
    place[Symbol.dispose]();
    await second;
    third.abort(new Error('still waiting'));

    expect(await rejection(waiting)).to.have.property('message', 'still waiting');
  });

  it('passes over who gave up waiting', async () => {
    const gate = new Gate(1);
    const place = await gate.enter({ signal });
    const impatient = new AbortController();
    const gaveUp = gate.enter({ signal: impatient.signal });
    const patient = gate.enter({ signal });

    impatient.abort(new Error('gave up'));
    place[Symbol.dispose]();

    expect(await rejection(gaveUp)).to.have.property('message', 'gave up');
    (await patient)[Symbol.dispose]();
    (await gate.enter({ signal }))[Symbol.dispose]();
  });

  it('does not let in who is aborted already', async () => {
    const gate = new Gate(1);

    expect(await rejection(gate.enter({ signal: AbortSignal.abort(new Error('too late')) }))).to.have.property(
      'message',
      'too late',
    );
    await gate.enter({ signal });
  });
});

function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it did not reject'),
    (error: unknown) => error,
  );
}
