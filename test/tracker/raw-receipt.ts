/** Receipts as docs/protocol.md "Receipts" has them, made with nothing but Node. */
import { createHash, ECDH } from 'node:crypto';
import type { RawDevice } from './raw-device.js';

export interface RawTerms {
  readonly ticket: string;
  readonly bytes: number;
  readonly at: number;
  /** Default: `verified`. */
  readonly outcome?: string;
}

export interface RawSigners {
  readonly device?: RawDevice;
  readonly source?: RawDevice;
  /** Where the source does not sign. */
  readonly sourcePin?: string;
}

/** The fields of a `receipt` request, signed by who is given. */
export function receiptOf(
  { ticket, bytes, at, outcome = 'verified' }: RawTerms,
  { device, source, sourcePin = 'ab'.repeat(32) }: RawSigners,
): object {
  const parts = partsOf({ ticket, bytes, at, outcome }, source?.pin ?? sourcePin);
  return {
    ...{ ticket, bytes, outcome, at },
    ...(device && { device: markOf(device, parts) }),
    source: source === undefined ? { pin: sourcePin } : markOf(source, parts),
  };
}

export function markOf(device: RawDevice, parts: readonly Uint8Array[]): { key: string; signature: string } {
  const point = Buffer.from(device.key, 'base64url').subarray(-65);
  const key = ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'compressed') as Buffer;
  return { key: key.toString('base64url'), signature: device.sign(...parts).toString('base64url') };
}

export function partsOf({ ticket, bytes, at, outcome }: Required<RawTerms>, sourcePin: string): Uint8Array[] {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(BigInt(bytes), 0);
  numbers.writeBigUInt64BE(BigInt(at), 8);
  const ticketHash = createHash('sha256').update(ticket).digest();
  return [Buffer.from('shoal/1 receipt'), ticketHash, Buffer.from(sourcePin, 'hex'), numbers, Buffer.from(outcome)];
}
