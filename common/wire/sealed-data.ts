/**
 * Datagrams of a session: AES-128-GCM, the sequence number in the nonce, a window against replay; see docs/protocol.md "Data".
 * The hot path of a tracker with very many sessions: so a session keeps little.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { ProtocolError } from '../protocol/errors.js';
import { MAX_DATAGRAM_BYTES } from '../protocol/limits.js';
import { hkdf } from './aead.js';
import { DATA_HEADER_BYTES, DATAGRAM_VERSION, type KIND, SESSION_BYTES, TAG_BYTES } from './datagrams.js';
import { ReplayWindow } from './replay-window.js';

/** Longest request, reply or event in one datagram. */
export const MAX_DATA_BYTES = MAX_DATAGRAM_BYTES - DATA_HEADER_BYTES - TAG_BYTES;

const ALGORITHM = 'aes-128-gcm';
const TAG_OPTIONS = { authTagLength: TAG_BYTES };
const KEY_BYTES = 16;
const SEQ_AT = 2 + SESSION_BYTES;
const TWO_32 = 2 ** 32;
/** Upper half of 2^53 − 1. */
const MAX_SEQ_HIGH = 0x1f_ffff;
/** For Node's cipher, which copies it: 4 zero bytes, then a sequence number. */
const nonce = Buffer.alloc(12);
/** The key for Node's cipher: what it is shown itself gets, and keeps, a block outside V8's heap. */
const shownKey = Buffer.alloc(KEY_BYTES);

export interface DataKeyOptions {
  /** One direction's key of `deriveKeys`, 16 bytes. */
  readonly key: Uint8Array;
  readonly kind: typeof KIND.peerData | typeof KIND.trackerData;
  /** 16 bytes. */
  readonly session: Uint8Array;
}

/** Keys of both directions: client to tracker, tracker to client. */
export function deriveKeys(accessKey: Uint8Array, session: Uint8Array): { readonly c2t: Buffer; readonly t2c: Buffer } {
  const [secret, salt] = [Buffer.from(accessKey), Buffer.from(session)]; // copies, as of `shownKey`
  return {
    c2t: hkdf(secret, salt, 'shoal/1 c2t', KEY_BYTES),
    t2c: hkdf(secret, salt, 'shoal/1 t2c', KEY_BYTES),
  };
}

/** One per key: two would use sequence numbers, and so nonces, twice. */
export class Sealer {
  readonly #key: Uint8Array;
  readonly #kind: number;
  readonly #session: Uint8Array;
  #seq = 0;

  constructor({ key, kind, session }: DataKeyOptions) {
    this.#key = keyOf(key);
    this.#kind = kind;
    this.#session = sessionOf(session);
  }

  /** @throws {ProtocolError} `use-tcp` when `plaintext` is longer than MAX_DATA_BYTES. */
  seal(plaintext: Uint8Array): Buffer {
    if (plaintext.length > MAX_DATA_BYTES) {
      throw new ProtocolError(
        'use-tcp',
        `A message of ${plaintext.length} bytes does not fit a datagram, which takes ${MAX_DATA_BYTES}.`,
      );
    }
    this.#seq += 1;
    const datagram = Buffer.allocUnsafe(DATA_HEADER_BYTES + plaintext.length + TAG_BYTES);
    datagram[0] = DATAGRAM_VERSION;
    datagram[1] = this.#kind;
    datagram.set(this.#session, 2);
    datagram.writeUInt32BE(Math.floor(this.#seq / TWO_32), SEQ_AT);
    datagram.writeUInt32BE(this.#seq % TWO_32, SEQ_AT + 4);
    datagram.set(plaintext, DATA_HEADER_BYTES);
    sealInPlace(this.#key, datagram);
    return datagram;
  }
}

/** One per key, like the Sealer at the other end. */
export class Opener {
  readonly #key: Uint8Array;
  readonly #kind: number;
  readonly #session: Uint8Array;
  readonly #window = new ReplayWindow();

  constructor({ key, kind, session }: DataKeyOptions) {
    this.#key = keyOf(key);
    this.#kind = kind;
    this.#session = sessionOf(session);
  }

  /** The plaintext; undefined when the datagram is of another session, forged, damaged, seen before or too old. Only a verified one is noted. */
  open(datagram: Buffer): Buffer | undefined {
    if (datagram.length < DATA_HEADER_BYTES + TAG_BYTES || datagram.length > MAX_DATAGRAM_BYTES) return undefined;
    if (!this.#isMine(datagram)) return undefined;
    const high = datagram.readUInt32BE(SEQ_AT);
    if (high > MAX_SEQ_HIGH) return undefined;
    const seq = high * TWO_32 + datagram.readUInt32BE(SEQ_AT + 4);
    if (!this.#window.isNew(seq)) return undefined;
    const plaintext = opened(this.#key, datagram);
    if (plaintext !== undefined) this.#window.note(seq);
    return plaintext;
  }

  #isMine(datagram: Buffer): boolean {
    if (datagram[0] !== DATAGRAM_VERSION || datagram[1] !== this.#kind) return false;
    for (let index = 0; index < SESSION_BYTES; index += 1)
      if (datagram[index + 2] !== this.#session[index]) return false;
    return true;
  }
}

/** In place: header and text are there, and room for the tag. */
function sealInPlace(key: Uint8Array, datagram: Buffer): void {
  const end = datagram.length - TAG_BYTES;
  datagram.copy(nonce, nonce.length - 8, SEQ_AT, DATA_HEADER_BYTES);
  shownKey.set(key);
  const cipher = createCipheriv(ALGORITHM, shownKey, nonce, TAG_OPTIONS);
  cipher.setAAD(datagram.subarray(0, DATA_HEADER_BYTES));
  cipher.update(datagram.subarray(DATA_HEADER_BYTES, end)).copy(datagram, DATA_HEADER_BYTES);
  cipher.final();
  cipher.getAuthTag().copy(datagram, end);
}

/** The text; undefined when it is forged or damaged. */
function opened(key: Uint8Array, datagram: Buffer): Buffer | undefined {
  const end = datagram.length - TAG_BYTES;
  datagram.copy(nonce, nonce.length - 8, SEQ_AT, DATA_HEADER_BYTES);
  shownKey.set(key);
  const decipher = createDecipheriv(ALGORITHM, shownKey, nonce, TAG_OPTIONS)
    .setAAD(datagram.subarray(0, DATA_HEADER_BYTES))
    .setAuthTag(datagram.subarray(end));
  const plaintext = decipher.update(datagram.subarray(DATA_HEADER_BYTES, end));
  try {
    decipher.final();
  } catch {
    return undefined; // Node's only way to say that the tag is wrong
  }
  return plaintext;
}

/** A copy that V8 keeps among its objects: a buffer of its own would take half a kilobyte, one of Node's pool would keep the whole pool. */
function keyOf(key: Uint8Array): Uint8Array {
  const own = new Uint8Array(KEY_BYTES);
  own.set(key);
  return own;
}

function sessionOf(session: Uint8Array): Uint8Array {
  if (session.length !== SESSION_BYTES)
    throw new RangeError(`session must have ${SESSION_BYTES} bytes, not ${session.length}`);
  return session;
}
