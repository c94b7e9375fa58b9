import { expect } from 'chai';

import { Lifecycle } from '../../common/runtime/lifecycle.js';

describe('Lifecycle', () => {
  it('stops the parts in reverse order, each after the one before has ended', async () => {
    const life = new Lifecycle();
    const log: string[] = [];
    for (const name of ['store', 'socket', 'loop']) {
      life.add({
        stop: async () => {
          log.push(`${name} begins`);
          await Promise.resolve();
          log.push(`${name} ends`);
        },
      });
    }

    await life.stop();

    expect(log).to.deep.equal([
      'loop begins',
      'loop ends',
      'socket begins',
      'socket ends',
      'store begins',
      'store ends',
    ]);
  });

  it('stops each part once although stop is called twice at the same time', async () => {
    const life = new Lifecycle();
    let stops = 0;
    life.defer(() => void (stops += 1));

    await Promise.all([life.stop(), life.stop()]);

    expect(stops).to.equal(1);
    expect(life.isStopping).to.equal(true);
  });

  it('stops the others when one part fails, and then tells', async () => {
    const life = new Lifecycle();
    let isStoreClosed = false;
    life.defer(() => {
      isStoreClosed = true;
    });
    life.defer(() => {
      throw new Error('the socket is stuck');
    });

    const outcome = await life.stop().catch((error: unknown) => error);

    expect(isStoreClosed).to.equal(true);
    expect(outcome).to.be.instanceOf(AggregateError);
    expect((outcome as AggregateError).errors.map(String)).to.deep.equal(['Error: the socket is stuck']);
  });

  it('takes no new part once it stops', async () => {
    const life = new Lifecycle();
    await life.stop();

    expect(() => life.add({ stop: () => undefined })).to.throw('stopping');
  });

  it('stops at the end of an await using block', async () => {
    let isStopped = false;
    {
      await using life = new Lifecycle();
      life.defer(() => {
        isStopped = true;
      });
    }

    expect(isStopped).to.equal(true);
  });
});
