/** The tracker's X25519 keys for sealed logins: a new one every hour, the one before it still opens, older ones are gone for good. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  type webcrypto,
} from 'node:crypto';
import { KEM_KEY_LIFE_MS } from '../protocol/limits.js';
import { type Clock, systemClock } from '../runtime/clock.js';
import type { Identity } from './identity.js';

export const KEY_ID_BYTES = 8;
export const KEM_KEY_BYTES = 32;

/** An X25519 private key, PKCS #8 in DER: bytes, so that another process can have it. */
export type KemSecret = Buffer;

/** What a cookie reply carries after the cookie: keyId ‖ KEM key ‖ notAfter ‖ signature ‖ SPKI length ‖ SPKI. */
export type KemOffer = Buffer;

const PAIR_KEPT_MS = 1_000;
const KEM_LABEL = Buffer.from('shoal/1 kem');

/** What the identity signs; see docs/protocol.md "UDP". */
export function kemOfferParts(kemKey: Uint8Array, notAfter: bigint): Uint8Array[] {
  return [KEM_LABEL, kemKey, u64(notAfter)];
}

/** First 8 bytes of SHA-256 of the key. */
export function kemKeyId(kemKey: Uint8Array): Buffer {
  return createHash('sha256').update(kemKey).digest().subarray(0, KEY_ID_BYTES);
}

interface HeldKey {
  readonly id: Buffer;
  readonly secret: KemSecret;
  readonly offer: KemOffer;
  /** Monotonic, ms. */
  readonly madeAt: number;
}

export class KemKeys {
  readonly #identity: Identity;
  readonly #clock: Clock;
  #current: HeldKey;
  #previous: HeldKey | undefined;

  private constructor(identity: Identity, clock: Clock) {
    this.#identity = identity;
    this.#clock = clock;
    this.#current = this.#make();
  }

  static async create(identity: Identity, clock: Clock): Promise<KemKeys> {
    return new KemKeys(identity, clock);
  }

  /** The current key, signed, as bytes ready to send. */
  offer(): KemOffer {
    this.#rotate();
    return this.#current.offer;
  }

  /** The private key with that id, while it is the current one or was within the last hour. */
  find(keyId: Uint8Array): KemSecret | undefined {
    this.#rotate();
    if (this.#current.id.equals(keyId)) return this.#current.secret;
    return this.#previous?.id.equals(keyId) === true ? this.#previous.secret : undefined;
  }

  /** Lazily: a tracker that nobody asks needs no new keys, but its old ones must not open recorded logins either. */
  #rotate(): void {
    const age = this.#clock.monotonic() - this.#current.madeAt;
    if (age >= KEM_KEY_LIFE_MS) {
      this.#previous = this.#current;
      this.#current = this.#make();
    }
    if (this.#previous !== undefined && this.#clock.monotonic() - this.#previous.madeAt >= 2 * KEM_KEY_LIFE_MS)
      this.#previous = undefined;
  }

  #make(): HeldKey {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    const kemKey = rawPublicKey(publicKey);
    const notAfter = BigInt(Math.floor(this.#clock.now()) + KEM_KEY_LIFE_MS);
    const id = kemKeyId(kemKey);
    const { spki } = this.#identity;
    const signature = this.#identity.sign(...kemOfferParts(kemKey, notAfter));
    return {
      id,
      secret: privateKey.export({ type: 'pkcs8', format: 'der' }),
      offer: Buffer.concat([id, kemKey, u64(notAfter), signature, u16(spki.length), spki]),
      madeAt: this.#clock.monotonic(),
    };
  }
}

let lastPair: { readonly secret: KemSecret; readonly pair: webcrypto.CryptoKeyPair } | undefined;

/** The pair that a secret belongs to; made once for logins that come together, and then forgotten, so that no key outlives its hours here. */
export function kemPair(secret: KemSecret): webcrypto.CryptoKeyPair {
  if (lastPair?.secret.equals(secret) === true) return lastPair.pair;
  const privateKey = createPrivateKey({ key: secret, type: 'pkcs8', format: 'der' });
  const pair = {
    publicKey: createPublicKey(privateKey).toCryptoKey('X25519', true, []),
    privateKey: privateKey.toCryptoKey('X25519', false, ['deriveBits']),
  };
  const made = { secret, pair };
  lastPair = made;
  const forget = (): void => {
    if (lastPair === made) lastPair = undefined;
  };
  systemClock.setTimer(forget, PAIR_KEPT_MS).unref();
  return pair;
}

/** An X25519 SPKI ends with the 32 bytes of the key. */
function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(-KEM_KEY_BYTES);
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

function u16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
