/** The tracker's signed permission for one device to fetch one publication; see docs/protocol.md "Ticket". */
import { fromBase64url, toBase64url } from '../protocol/base64url.js';
import { ProtocolError } from '../protocol/errors.js';
import { encodeJson } from '../protocol/json.js';
import { parseTicket } from '../protocol/parse.js';
import type { Ticket } from '../protocol/peer-messages.js';
import { type Identity, verifySignature } from './identity.js';

const LABEL = Buffer.from('shoal/1 ticket');
/** As the schemas have it. */
const MAX_TICKET_LENGTH = 2_048;

export function signTicket(ticket: Ticket, identity: Identity): string {
  const payload = encodeJson(ticket);
  return `${toBase64url(payload)}.${toBase64url(identity.sign(LABEL, payload))}`;
}

/**
 * The ticket, when the tracker with the public key `trackerSpki` signed it. Time, device and revocations are the caller's to judge.
 * @throws {ProtocolError} `bad-ticket`.
 */
export function openTicket(text: string, trackerSpki: Uint8Array): Ticket {
  const ticket = text.length > MAX_TICKET_LENGTH ? undefined : verifiedTicket(text, trackerSpki);
  if (ticket === undefined) throw new ProtocolError('bad-ticket');
  return ticket;
}

function verifiedTicket(text: string, trackerSpki: Uint8Array): Ticket | undefined {
  const [payloadText, signatureText, ...more] = text.split('.');
  if (payloadText === undefined || signatureText === undefined || more.length > 0) return undefined;
  try {
    const payload = fromBase64url(payloadText);
    const signature = fromBase64url(signatureText, 64);
    // Signature first: what a stranger wrote is not parsed.
    return verifySignature(trackerSpki, signature, LABEL, payload) ? parseTicket(payload) : undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
