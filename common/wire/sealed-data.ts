/**
 * Datagrams of a session: AES-128-GCM, the sequence number in the nonce, a window against replay; see docs/protocol.md "Data".
 * The hot path of a tracker, so buffers that do not leave a call are kept. A sequence number is at most 2^53 − 1.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
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
const NONCE_BYTES = 12;
const NONCE_SEQ_AT = 4;
const TWO_32 = 2 ** 32;
/** Upper half of 2^53 − 1. */
const MAX_SEQ_HIGH = 0x1f_ffff;

export interface DataKeyOptions {
  /** One direction's key of `deriveKeys`, 16 bytes. */
  readonly key: Uint8Array;
  readonly kind: typeof KIND.peerData | typeof KIND.trackerData;
  /** 16 bytes. */
  readonly session: Uint8Array;
}

/** Keys of both directions: client to tracker, tracker to client. */
export function deriveKeys(accessKey: Uint8Array, session: Uint8Array): { readonly c2t: Buffer; readonly t2c: Buffer } {
  return {
    c2t: hkdf(accessKey, session, 'shoal/1 c2t', KEY_BYTES),
    t2c: hkdf(accessKey, session, 'shoal/1 t2c', KEY_BYTES),
  };
}

/** One per key: two would use sequence numbers, and so nonces, twice. */
export class Sealer {
  readonly #key: KeyObject;
  readonly #header: Buffer;
  readonly #nonce = Buffer.alloc(NONCE_BYTES);
  #seq = 0;

  constructor({ key, kind, session }: DataKeyOptions) {
    this.#key = createSecretKey(key);
    this.#header = headerOf(kind, session);
  }

  /** @throws {ProtocolError} `use-tcp` when `plaintext` is longer than MAX_DATA_BYTES. */
  seal(plaintext: Uint8Array): Buffer {
    if (plaintext.length > MAX_DATA_BYTES) {
      throw new ProtocolError(
        'use-tcp',
        `A message of ${plaintext.length} bytes does not fit a datagram, which takes ${MAX_DATA_BYTES}.`,
      );
    }
    this.#countUp();
    const datagram = Buffer.allocUnsafe(DATA_HEADER_BYTES + plaintext.length + TAG_BYTES);
    this.#header.copy(datagram);
    const cipher = createCipheriv(ALGORITHM, this.#key, this.#nonce, TAG_OPTIONS).setAAD(this.#header);
    cipher.update(plaintext).copy(datagram, DATA_HEADER_BYTES);
    cipher.final();
    cipher.getAuthTag().copy(datagram, DATA_HEADER_BYTES + plaintext.length);
    return datagram;
  }

  #countUp(): void {
    this.#seq += 1;
    const high = Math.floor(this.#seq / TWO_32);
    const low = this.#seq % TWO_32;
    writeSeq({ header: this.#header, nonce: this.#nonce, high, low });
  }
}

/** One per key, like the Sealer at the other end. */
export class Opener {
  readonly #key: KeyObject;
  /** What every datagram of the session begins with, and room for the number of the one that is opened. */
  readonly #header: Buffer;
  readonly #nonce = Buffer.alloc(NONCE_BYTES);
  readonly #window = new ReplayWindow();

  constructor({ key, kind, session }: DataKeyOptions) {
    this.#key = createSecretKey(key);
    this.#header = headerOf(kind, session);
  }

  /** The plaintext; undefined when the datagram is of another session, forged, damaged, seen before or too old. Only a verified one is noted. */
  open(datagram: Buffer): Buffer | undefined {
    const end = datagram.length - TAG_BYTES;
    if (end < DATA_HEADER_BYTES || datagram.length > MAX_DATAGRAM_BYTES) return undefined;
    for (let index = 0; index < SEQ_AT; index += 1) if (datagram[index] !== this.#header[index]) return undefined;
    const high = datagram.readUInt32BE(SEQ_AT);
    if (high > MAX_SEQ_HIGH) return undefined;
    const low = datagram.readUInt32BE(SEQ_AT + 4);
    const seq = high * TWO_32 + low;
    if (!this.#window.isNew(seq)) return undefined;
    writeSeq({ header: this.#header, nonce: this.#nonce, high, low });
    const plaintext = this.#decrypt(datagram, end);
    if (plaintext !== undefined) this.#window.note(seq);
    return plaintext;
  }

  #decrypt(datagram: Buffer, end: number): Buffer | undefined {
    const decipher = createDecipheriv(ALGORITHM, this.#key, this.#nonce, TAG_OPTIONS)
      .setAAD(this.#header)
      .setAuthTag(datagram.subarray(end));
    const plaintext = decipher.update(datagram.subarray(DATA_HEADER_BYTES, end));
    try {
      decipher.final();
    } catch {
      return undefined; // forged or damaged: Node's only way to say that the tag is wrong
    }
    return plaintext;
  }
}

/** The two halves of a sequence number to both places where it stands. */
function writeSeq({ header, nonce, high, low }: { header: Buffer; nonce: Buffer; high: number; low: number }): void {
  header.writeUInt32BE(high, SEQ_AT);
  header.writeUInt32BE(low, SEQ_AT + 4);
  nonce.writeUInt32BE(high, NONCE_SEQ_AT);
  nonce.writeUInt32BE(low, NONCE_SEQ_AT + 4);
}

function headerOf(kind: number, session: Uint8Array): Buffer {
  if (session.length !== SESSION_BYTES)
    throw new RangeError(`session must have ${SESSION_BYTES} bytes, not ${session.length}`);
  const header = Buffer.alloc(DATA_HEADER_BYTES);
  header[0] = DATAGRAM_VERSION;
  header[1] = kind;
  header.set(session, 2);
  return header;
}
