import { expect } from 'chai';
import { eventually, waitFor } from './wait-for.js';

describe('support/wait-for', () => {
  it('returns the first truthy value, of a promise too', async () => {
    let looks = 0;

    const value = await waitFor(async () => {
      looks += 1;
      return looks > 8 ? `look ${looks}` : undefined;
    });

    expect(value).to.equal('look 9');
  });

  it('fails with what was awaited and the last value', async () => {
    const error = await waitFor(() => 0, { timeoutMs: 30, what: 'the moon' }).catch((reason: Error) => reason);

    expect(error)
      .to.be.instanceOf(Error)
      .with.property('message')
      .that.matches(/30 ms.*the moon.*last value: 0/);
  });

  it('ends at once when the condition throws', async () => {
    const error = await waitFor((): boolean => {
      throw new Error('broken');
    }).catch((reason: Error) => reason);

    expect(error).to.have.property('message', 'broken');
  });

  it('repeats an assertion until it holds, and fails with its last failure', async () => {
    let looks = 0;
    await eventually(() => {
      looks += 1;
      expect(looks).to.be.above(3);
    });

    const error = await eventually(() => expect(1).to.equal(2), { timeoutMs: 20 }).catch((reason: Error) => reason);

    expect(looks).to.equal(4);
    expect(error).to.have.property('message').that.contains('expected 1 to equal 2');
  });
});
