/** The fetching end of receipts: signs what came from a source, has it signed there, and hands it to the tracker. */
import type { ReceiptMark } from '../../common/protocol/receipt-fields.js';
import type { Clock } from '../../common/runtime/clock.js';
import { withDeadline } from '../../common/runtime/deadline.js';
import type { Identity } from '../../common/wire/identity.js';
import { isMarkOf, type ReceiptTerms, signReceipt } from '../../common/wire/receipt.js';
import type { OwedReceipt } from '../download/download-tracker.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import type { ReceiptBox } from './receipt-box.js';

/** A source that does not sign within this, ms, has not signed. */
const SIGN_WITHIN_MS = 500;

export interface FetchReceiptsOptions {
  readonly identity: Identity;
  readonly box: Pick<ReceiptBox, 'hand' | 'expect'>;
  readonly trackerNow: () => number;
  readonly clock: Clock;
}

export class FetchReceipts {
  constructor(private readonly options: FetchReceiptsOptions) {}

  /** Resolves when `connection` is not needed for it any more; never rejects. */
  settle(connection: PeerConnection, owed: OwedReceipt): Promise<void> {
    return this.options.box.expect(this.#settle(connection, owed));
  }

  async #settle(connection: PeerConnection, { ticket, bytes, hasLied }: OwedReceipt): Promise<void> {
    const { identity, box, trackerNow } = this.options;
    const outcome = hasLied ? 'wrong' : 'verified';
    const terms: ReceiptTerms = { ticket: ticket.text, bytes, outcome, at: trackerNow() };
    const device = signReceipt(terms, connection.pin, identity);
    const signed = hasLied ? undefined : await this.#signedBySource(connection, { terms, device, ...ticket });
    const isRight = signed !== undefined && isMarkOf(signed, connection.pin, { terms, source: connection.pin });
    box.hand({ ...terms, device, source: isRight ? signed : { pin: connection.pin } });
  }

  async #signedBySource(
    connection: PeerConnection,
    { terms: { bytes, at }, device, ticketId }: { terms: ReceiptTerms; device: ReceiptMark; ticketId: string },
  ): Promise<ReceiptMark | undefined> {
    if (!connection.isOpen) return undefined;
    using deadline = withDeadline(new AbortController().signal, SIGN_WITHIN_MS, this.options.clock);
    const { promise, resolve } = Promise.withResolvers<ReceiptMark | undefined>();
    const giveUp = (): void => resolve(undefined);
    deadline.signal.addEventListener('abort', giveUp, { once: true });
    connection.onClose(giveUp);
    connection.forsake();
    connection.request(
      { type: 'receipt', ticketId, bytes, at, device },
      { onReceipted: ({ source }) => resolve(source), onEnd: giveUp, onError: giveUp },
    );
    return await promise; // not waited for, it would lose its deadline
  }
}
