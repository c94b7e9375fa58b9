/**
 * Datagrams of a session: ChaCha20-Poly1305, the sequence number in the nonce, a window against replay; see docs/protocol.md "Data".
 * The hot path of a tracker with very many sessions: so a session keeps little.
 */
import { ProtocolError } from '../protocol/errors.js';
import { MAX_DATAGRAM_BYTES } from '../protocol/limits.js';
import { hkdf } from './aead.js';
import { DATA_KEY_BYTES, type DataCipher, nodeCipher, type Sealing } from './data-cipher.js';
import { DATA_HEADER_BYTES, DATAGRAM_VERSION, type KIND, SESSION_BYTES, TAG_BYTES } from './datagrams.js';
import { ReplayWindow } from './replay-window.js';

/** Longest request, reply or event in one datagram. */
export const MAX_DATA_BYTES = MAX_DATAGRAM_BYTES - DATA_HEADER_BYTES - TAG_BYTES;

const SEQ_AT = 2 + SESSION_BYTES;
const TWO_32 = 2 ** 32;
/** Upper half of 2^53 − 1. */
const MAX_SEQ_HIGH = 0x1f_ffff;
/** Of the datagram at hand, for the cipher: the nonce is 4 zero bytes, then the sequence number. */
const header = Buffer.alloc(DATA_HEADER_BYTES);
const nonce = Buffer.alloc(12);

export interface DataKeyOptions {
  /** One direction's key of `deriveKeys`. */
  readonly key: Uint8Array;
  readonly kind: typeof KIND.peerData | typeof KIND.trackerData;
  /** 16 bytes. */
  readonly session: Uint8Array;
  /** Default: Node's. */
  readonly cipher?: DataCipher;
}

/** Keys of both directions: client to tracker, tracker to client. */
export function deriveKeys(accessKey: Uint8Array, session: Uint8Array): { readonly c2t: Buffer; readonly t2c: Buffer } {
  // Copies: what Node's functions are shown itself gets, and keeps, a block outside V8's heap.
  const [secret, salt] = [Buffer.from(accessKey), Buffer.from(session)];
  return {
    c2t: hkdf(secret, salt, 'shoal/1 c2t', DATA_KEY_BYTES),
    t2c: hkdf(secret, salt, 'shoal/1 t2c', DATA_KEY_BYTES),
  };
}

/** One end of a direction: whatever it seals or opens has its header. */
class DataEnd {
  readonly #key: Uint8Array;
  readonly #kind: number;
  readonly #session: Uint8Array;
  protected readonly cipher: DataCipher;

  constructor({ key, kind, session, cipher = nodeCipher }: DataKeyOptions) {
    if (session.length !== SESSION_BYTES)
      throw new RangeError(`session must have ${SESSION_BYTES} bytes, not ${session.length}`);
    this.#key = keyOf(key);
    this.#kind = kind;
    this.#session = session;
    this.cipher = cipher;
  }

  /** Good until the next one is asked for. */
  protected sealingOf(seqHigh: number, seqLow: number): Sealing {
    header[0] = DATAGRAM_VERSION;
    header[1] = this.#kind;
    header.set(this.#session, 2);
    header.writeUInt32BE(seqHigh, SEQ_AT);
    header.writeUInt32BE(seqLow, SEQ_AT + 4);
    nonce.writeUInt32BE(seqHigh, 4);
    nonce.writeUInt32BE(seqLow, 8);
    return { key: this.#key, nonce, aad: header };
  }
}

/** One per key: two would use sequence numbers, and so nonces, twice. */
export class Sealer extends DataEnd {
  #seq = 0;

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
    const sealing = this.sealingOf(Math.floor(this.#seq / TWO_32), this.#seq % TWO_32);
    datagram.set(header);
    datagram.set(this.cipher.seal(plaintext, sealing), DATA_HEADER_BYTES);
    return datagram;
  }
}

/** One per key, like the Sealer at the other end. */
export class Opener extends DataEnd {
  readonly #window = new ReplayWindow();

  /** The plaintext; undefined when the datagram is of another session, forged, damaged, seen before or too old. Only a verified one is noted. */
  open(datagram: Buffer): Buffer | undefined {
    if (datagram.length < DATA_HEADER_BYTES + TAG_BYTES || datagram.length > MAX_DATAGRAM_BYTES) return undefined;
    const [high, low] = [datagram.readUInt32BE(SEQ_AT), datagram.readUInt32BE(SEQ_AT + 4)];
    if (high > MAX_SEQ_HIGH) return undefined;
    const seq = high * TWO_32 + low;
    if (!this.#window.isNew(seq)) return undefined;
    const sealing = this.sealingOf(high, low);
    for (let index = 0; index < SEQ_AT; index += 1) if (datagram[index] !== header[index]) return undefined;
    const plaintext = this.cipher.open(datagram.subarray(DATA_HEADER_BYTES), sealing);
    if (plaintext !== undefined) this.#window.note(seq);
    return plaintext;
  }
}

/** A copy that V8 keeps among its objects: a buffer of its own would take half a kilobyte, one of Node's pool would keep the whole pool. */
function keyOf(key: Uint8Array): Uint8Array {
  if (key.length !== DATA_KEY_BYTES) throw new RangeError(`key must have ${DATA_KEY_BYTES} bytes, not ${key.length}`);
  const own = new Uint8Array(DATA_KEY_BYTES);
  own.set(key);
  return own;
}
