/** What two devices sign about a download. See docs/protocol.md "receipt" and "Receipts". Pure. */
import { z } from 'zod';
import { base64url, pin, safeInteger } from './fields.js';

/** A device's public key as a compressed point, and its signature over the receipt. */
export const receiptMark = z.object({ key: base64url(33), signature: base64url(64) });
export type ReceiptMark = z.output<typeof receiptMark>;

export const receiptFields = {
  /** Under which it was fetched: it names the publication, the content, the user and the device that fetched. */
  ticket: z.string().max(2_048),
  /** Of the content, over one connection. */
  bytes: safeInteger,
  /** `verified`: all of them are right; `wrong`: some were not; `sent`: the source says so, and nobody else. */
  outcome: z.enum(['verified', 'wrong', 'sent']),
  /** ms since epoch, by the tracker's clock. */
  at: safeInteger,
  /** Of the device that fetched. */
  device: receiptMark.optional(),
  /** Its pin alone where it has not signed. */
  source: z.union([receiptMark, z.object({ pin })]),
};
const receipt = z.object(receiptFields);
export type Receipt = z.output<typeof receipt>;

/** As the audit keeps it, with the key that signed the ticket, so that it can be judged without a tracker. */
export const keptReceipt = z.object({ ...receiptFields, tracker: base64url(33) });
export type KeptReceipt = z.output<typeof keptReceipt>;
