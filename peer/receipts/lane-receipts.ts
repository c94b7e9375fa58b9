/**
 * The serving end of receipts, for one connection: signs what the other end says it got, when so much was sent, and says itself what was
 * sent when the connection ends without a receipt. A ticket comes from nobody but the device it names, so to have it shows who asked.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import type { PeerRequest, Ticket } from '../../common/protocol/peer-messages.js';
import type { Receipt, ReceiptMark } from '../../common/protocol/receipt-fields.js';
import type { Identity } from '../../common/wire/identity.js';
import { isMarkOf, type ReceiptTerms, signReceipt } from '../../common/wire/receipt.js';

/** Who has signed for this share of what was sent has told of it: the rest came twice, or was taken back on its way. */
const LEAST_SIGNED = 0.5;

/** What all connections of a source share. */
export interface SourceReceipts {
  readonly identity: Identity;
  trackerNow(): number;
  hand(receipt: Receipt): void;
}

/** Of one publication's content over this connection, under however many tickets. */
interface Served<T> {
  text: string;
  ticket: Ticket;
  readonly tally: T;
  /** Bytes that the other end has signed for. */
  signed?: number;
}

export class LaneReceipts<T extends { readonly sentBytes: number }> {
  readonly #servedByContent = new Map<string, Served<T>>();
  readonly #contentByTicket = new Map<string, { readonly text: string; readonly served: Served<T> }>();

  /** Without `desk` nothing is signed. */
  constructor(private readonly desk: SourceReceipts | undefined) {}

  /** A ticket was accepted. What is sent under it counts in the tally that is returned: that of an earlier ticket for the same. */
  opened(text: string, ticket: Ticket, newTally: () => T): T {
    const content = `${ticket.publicationId} ${ticket.fileId}`;
    const served = this.#servedByContent.get(content) ?? { text, ticket, tally: newTally() };
    served.text = text;
    this.#servedByContent.set(content, served);
    this.#contentByTicket.set(ticket.ticketId, { text, served });
    return served.tally;
  }

  /** @throws {ProtocolError} `bad-ticket`, `bad-message`; `not-allowed` for more than was sent. */
  sign({ ticketId, bytes, at, device }: Extract<PeerRequest, { type: 'receipt' }>): ReceiptMark {
    const known = this.#contentByTicket.get(ticketId);
    if (known === undefined || this.desk === undefined) throw new ProtocolError('bad-ticket');
    const { identity, hand } = this.desk;
    const { served, text } = known;
    const terms: ReceiptTerms = { ticket: text, bytes, outcome: 'verified', at };
    if (!isMarkOf(device, served.ticket.device, { terms, source: identity.pin }))
      throw new ProtocolError('bad-message');
    if (bytes > served.tally.sentBytes || served.signed !== undefined) throw new ProtocolError('not-allowed');
    const source = signReceipt(terms, identity.pin, identity);
    hand({ ...terms, device, source });
    served.signed = bytes;
    return source;
  }

  /** The connection has ended. Attacker: who has a single byte signed, so that nothing is said of all the others. */
  close(): void {
    for (const { text, tally, signed = 0 } of this.#servedByContent.values()) {
      if (this.desk === undefined || tally.sentBytes * LEAST_SIGNED <= signed) continue;
      const { identity, trackerNow, hand } = this.desk;
      const terms: ReceiptTerms = { ticket: text, bytes: tally.sentBytes, outcome: 'sent', at: trackerNow() };
      hand({ ...terms, source: signReceipt(terms, identity.pin, identity) });
    }
    this.#servedByContent.clear();
  }
}
