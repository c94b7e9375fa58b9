/** Receipts of downloads: what is signed, by whom, and whether it is right. See docs/protocol.md "Receipts". */
import { createHash } from 'node:crypto';
import { fromBase64url, toBase64url } from '../protocol/base64url.js';
import { ProtocolError } from '../protocol/errors.js';
import type { Ticket } from '../protocol/peer-messages.js';
import type { Receipt, ReceiptMark } from '../protocol/receipt-fields.js';
import { compressedKey, type Identity, pinOfSpki, spkiOfCompressed, verifySignature } from './identity.js';
import { openTicket } from './ticket.js';

const LABEL = Buffer.from('shoal/1 receipt');

/** What both ends sign, but for the source, whose pin is the last of it. */
export type ReceiptTerms = Pick<Receipt, 'ticket' | 'bytes' | 'outcome' | 'at'>;

export interface JudgedReceipt {
  readonly ticket: Ticket;
  /** Pin of the source. */
  readonly source: string;
  readonly isSignedByDevice: boolean;
  readonly isSignedBySource: boolean;
}

/** The signature of `identity`, which is one of the two ends. `source` is the pin of the source. */
export function signReceipt(terms: ReceiptTerms, source: string, identity: Identity): ReceiptMark {
  return {
    key: toBase64url(compressedKey(identity.spki)),
    signature: toBase64url(identity.sign(...partsOf(terms, source))),
  };
}

/** Whether the device `pin` made this mark. `source` is the pin of the source. */
export function isMarkOf(mark: ReceiptMark, pin: string, { terms, source }: MarkedTerms): boolean {
  const spki = spkiOf(mark);
  if (spki === undefined || pinOfSpki(spki) !== pin) return false;
  return verifySignature(spki, fromBase64url(mark.signature), ...partsOf(terms, source));
}

interface MarkedTerms {
  readonly terms: ReceiptTerms;
  readonly source: string;
}

/**
 * Who has signed. The ticket is one of the tracker with `trackerSpki`; times are the caller's to judge.
 * @throws {ProtocolError} `bad-ticket`; `bad-message` when a signature is wrong, or one is missing without which it says nothing.
 */
export function judgeReceipt(receipt: Receipt, trackerSpki: Uint8Array): JudgedReceipt {
  const ticket = openTicket(receipt.ticket, trackerSpki);
  const { device, source: sourceMark } = receipt;
  const source = 'pin' in sourceMark ? sourceMark.pin : pinOfMark(sourceMark);
  const terms = { terms: receipt, source };
  const isSignedByDevice = device !== undefined;
  const isSignedBySource = !('pin' in sourceMark);
  if (isSignedByDevice && !isMarkOf(device, ticket.device, terms)) throw wrong('the device that fetched');
  if (isSignedBySource && !isMarkOf(sourceMark, source, terms)) throw wrong('the source');
  // What came is for its receiver to say, what was sent without a receipt for the source.
  if (receipt.outcome === 'sent' ? isSignedByDevice || !isSignedBySource : !isSignedByDevice)
    throw new ProtocolError('bad-message', `a receipt that says "${receipt.outcome}" is signed by the other end`);
  return { ticket, source, isSignedByDevice, isSignedBySource };
}

function pinOfMark(mark: ReceiptMark): string {
  const spki = spkiOf(mark);
  if (spki === undefined) throw new ProtocolError('bad-message', 'the key of a receipt is none');
  return pinOfSpki(spki);
}

function spkiOf({ key }: ReceiptMark): Buffer | undefined {
  return spkiOfCompressed(fromBase64url(key));
}

function wrong(whose: string): ProtocolError {
  return new ProtocolError('bad-message', `the signature of ${whose} is not of this receipt`);
}

function partsOf({ ticket, bytes, outcome, at }: ReceiptTerms, source: string): Uint8Array[] {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(BigInt(bytes), 0);
  numbers.writeBigUInt64BE(BigInt(at), 8);
  const ticketHash = createHash('sha256').update(ticket).digest();
  return [LABEL, ticketHash, Buffer.from(source, 'hex'), numbers, Buffer.from(outcome)];
}
