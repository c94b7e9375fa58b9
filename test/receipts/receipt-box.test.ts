import { expect } from 'chai';
import type { Receipt } from '../../common/protocol/receipt-fields.js';
import { PeerError } from '../../peer/api.js';
import { ReceiptBox } from '../../peer/receipts/receipt-box.js';
import { hastyClock } from '../support/hasty-clock.js';
import { waitFor } from '../support/wait-for.js';

const receiptOf = (bytes: number): Receipt => ({ bytes }) as Receipt;

describe('the box of receipts', () => {
  it('hands the others in though the tracker fails at one of them, which is tried again', async () => {
    const taken: number[] = [];
    let failures = 0;
    const tracker = {
      request: async (_type: string, { bytes }: Receipt) => {
        if (bytes === 1 && failures < 2) {
          failures += 1;
          throw new PeerError({ code: 'internal', message: 'The tracker has failed.' });
        }
        taken.push(bytes);
      },
    };
    const box = new ReceiptBox(tracker as never, hastyClock);

    for (const bytes of [1, 2, 3]) box.hand(receiptOf(bytes));
    await waitFor(() => taken.length === 3);

    expect(taken).to.deep.equal([2, 3, 1]);
    await box.stop();
  });

  it('passes over what the tracker will never take', async () => {
    const taken: number[] = [];
    const tracker = {
      request: async (_type: string, { bytes }: Receipt) => {
        if (bytes === 1) throw new PeerError({ code: 'usage', message: 'Of no version that this tracker knows.' });
        taken.push(bytes);
      },
    };
    const box = new ReceiptBox(tracker as never, hastyClock);

    for (const bytes of [1, 2]) box.hand(receiptOf(bytes));
    await box.stop();

    expect(taken).to.deep.equal([2]);
  });
});
