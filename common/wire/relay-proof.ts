/** What shows the relay that a connection is a session's; see docs/protocol.md "Relay". */
import { hkdf } from './aead.js';

const PROOF_BYTES = 32;

/** `token`: 16 bytes, good for one meeting, so a proof that is seen is worth nothing for another. */
export function relayProof(accessKey: Uint8Array, token: Uint8Array): Buffer {
  return hkdf(accessKey, token, 'shoal/1 relay', PROOF_BYTES);
}
