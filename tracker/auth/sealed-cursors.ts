/**
 * Cursors of searches. Attacker: who asks for what is hidden from him; where the time of a search is over, the row to go on from may be
 * one that he must not know of, so a cursor tells its name, id and time to the tracker alone. Nodes open one another's.
 */
import { randomBytes } from 'node:crypto';
import { fromBase64url, toBase64url } from '../../common/protocol/base64url.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import { hkdf, open, seal } from '../../common/wire/aead.js';

const KEY_BYTES = 16;
const NONCE_BYTES = 12;

export class SealedCursors {
  readonly #key: Buffer;

  constructor(sealKey: Buffer) {
    this.#key = hkdf(sealKey, Buffer.alloc(0), 'shoal/1 search cursor', KEY_BYTES);
  }

  /** 28 bytes longer than `text`, and in base64url: of 68 bytes it makes 128 characters. */
  seal(text: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    return toBase64url(Buffer.concat([nonce, seal({ key: this.#key, nonce }, Buffer.from(text))]));
  }

  /** @throws {ProtocolError} `bad-message` for one that was not made here. */
  open(cursor: string | undefined): string | undefined {
    if (cursor === undefined) return undefined;
    const bytes = fromBase64url(cursor);
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const text = nonce.length === NONCE_BYTES && open({ key: this.#key, nonce }, bytes.subarray(NONCE_BYTES));
    if (!text) throw new ProtocolError('bad-message', 'The cursor is not one of this list.');
    return text.toString();
  }
}
