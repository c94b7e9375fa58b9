import { ProtocolError } from '../../common/protocol/errors.js';
import type { Handler } from './call.js';

/**
 * Answers a challenge. The transport has compared it and taken the new address before the request came here; from an address that
 * is proven already, and over TCP, a right answer changes nothing. See docs/protocol.md "Changed address".
 */
export const path: Handler<'path'> = async ({ challenges }, { request, session, carrier }) => {
  if (carrier.kind === 'udp' && challenges.check(session.name, carrier.from, request.challenge)) return {};
  throw new ProtocolError('not-allowed');
};
