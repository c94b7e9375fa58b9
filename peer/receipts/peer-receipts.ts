/** What this peer signs about downloads, as the one that fetches and as the source, and how it gets to the tracker. */
import type { Clock } from '../../common/runtime/clock.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Identity } from '../../common/wire/identity.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';
import { FetchReceipts } from './fetch-receipts.js';
import type { SourceReceipts } from './lane-receipts.js';
import { ReceiptBox } from './receipt-box.js';

export class PeerReceipts implements Part {
  readonly fetched: FetchReceipts;
  readonly served: SourceReceipts;
  readonly #box: ReceiptBox;

  constructor(tracker: Pick<TrackerClient, 'request' | 'trackerNow'>, identity: Identity, clock: Clock) {
    const box = new ReceiptBox(tracker, clock);
    const trackerNow = (): number => tracker.trackerNow();
    this.#box = box;
    this.fetched = new FetchReceipts({ identity, box, trackerNow, clock });
    this.served = { identity, trackerNow, hand: (receipt) => box.hand(receipt) };
  }

  /** The last ones are handed in, where the tracker takes them soon. */
  stop(): Promise<void> {
    return this.#box.stop();
  }
}
