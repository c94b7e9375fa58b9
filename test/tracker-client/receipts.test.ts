import { expect } from 'chai';
import { Receipts } from '../../peer/tracker-client/receipts.js';

describe('what a client knows to have arrived', () => {
  it('are the last events alone: somebody else may cause them without end', () => {
    const receipts = new Receipts();
    const isNew = (id: number): boolean => receipts.event(`e${id}`);
    for (let id = 0; id < 20_000; id += 1) expect(isNew(id)).to.equal(true);

    expect(isNew(19_000), 'one that was resent').to.equal(false);
    expect(isNew(0), 'one that nobody sends any more').to.equal(true);
  });
});
