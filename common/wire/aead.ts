/** AES-128-GCM with the tag at the end, for the sealed forms that are opened once. The hot path has its own, `sealed-data.ts`. */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { ProtocolError } from '../protocol/errors.js';
import { encodeJson } from '../protocol/json.js';
import { TAG_BYTES } from './datagrams.js';

const ALGORITHM = 'aes-128-gcm';
const SPACE = 0x20;
const EMPTY = new Uint8Array();

export interface AeadKey {
  /** 16 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes; never used twice with one key. */
  readonly nonce: Uint8Array;
}

export function seal({ key, nonce }: AeadKey, plaintext: Uint8Array, aad: Uint8Array = EMPTY): Buffer {
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The plaintext, or undefined when the tag does not verify. */
export function open({ key, nonce }: AeadKey, sealed: Uint8Array, aad: Uint8Array = EMPTY): Buffer | undefined {
  const end = sealed.length - TAG_BYTES;
  if (end < 0) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(aad)
    .setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    return undefined; // forged or damaged: Node's only way to say that the tag is wrong
  }
  return plaintext;
}

/** HKDF (RFC 5869) with SHA-256. */
export function hkdf(secret: Uint8Array, salt: Uint8Array, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, length));
}

/** The message with spaces after it, so that its length tells nothing. @throws {ProtocolError} `use-tcp` when it is longer than `length`. */
export function padded(message: object, length: number): Buffer {
  const text = fitting(message, length);
  return text.length === length ? text : Buffer.concat([text, Buffer.alloc(length - text.length, SPACE)]);
}

/** The message's bytes. @throws {ProtocolError} `use-tcp` when there are more than `length`. */
export function fitting(message: object, length: number): Buffer {
  const text = encodeJson(message);
  if (text.length > length)
    throw new ProtocolError(
      'use-tcp',
      `A message of ${text.length} bytes does not fit this datagram, which takes ${length}.`,
    );
  return text;
}
