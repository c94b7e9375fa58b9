/**
 * Fernet tokens whose message is a JSON object with its own end; see docs/protocol.md "Sealed tokens". The only home of `fernet`, which
 * makes them. They are opened by Node's own cryptography, fifteen times as fast: after a restart of a tracker thousands come at once.
 * That library would also take junk characters and bad padding, and judge the time by a clock of its own.
 */
import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import fernet from 'fernet';

const MAX_TOKEN_LENGTH = 4_096;
const KEY_BYTES = 32;
const VERSION = 0x80;
const BLOCK_BYTES = 16;
const MAC_BYTES = 32;
/** Behind version and timestamp. */
const IV_AT = 1 + 8;
const CIPHER_AT = IV_AT + BLOCK_BYTES;
const OVERHEAD_BYTES = CIPHER_AT + MAC_BYTES;
/** The first half of a key signs, the second one encrypts. */
const HALF_KEY_BYTES = KEY_BYTES / 2;

/** malformed: not a Fernet token; forged: not sealed with this key; unusable: authentic, but no JSON object with `notAfter`. */
export type SealedTokenErrorCode = 'malformed' | 'forged' | 'unusable' | 'expired';

const TEXTS: Record<SealedTokenErrorCode, string> = {
  malformed: 'This is not a token.',
  forged: 'The token was not made here.',
  unusable: 'The token holds no usable message.',
  expired: 'The token has expired.',
};

/** The message never holds the token. */
export class SealedTokenError extends Error {
  override readonly name = 'SealedTokenError';
  constructor(
    readonly code: SealedTokenErrorCode,
    options?: ErrorOptions,
  ) {
    super(TEXTS[code], options);
  }
}

/** `message` needs `notAfter` (ms since epoch); `key` has 32 bytes. */
export function sealToken(message: object, key: Uint8Array): string {
  const secret = new fernet.Secret(Buffer.from(whole(key)).toString('base64url'));
  return new fernet.Token({ secret }).encode(JSON.stringify(message));
}

/** The message, while `now` (ms since epoch) is not past its `notAfter`. @throws {SealedTokenError} */
export function openToken(token: string, key: Uint8Array, now: number): Record<string, unknown> {
  whole(key);
  if (!isWellFormed(token)) throw new SealedTokenError('malformed');
  const message = parse(decode(Buffer.from(token, 'base64url'), key));
  const notAfter = Object.hasOwn(message, 'notAfter') ? message['notAfter'] : undefined;
  if (!Number.isSafeInteger(notAfter)) throw new SealedTokenError('unusable');
  if (now > (notAfter as number)) throw new SealedTokenError('expired');
  return message;
}

function whole(key: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES) throw new RangeError(`a token key must have ${KEY_BYTES} bytes, not ${key.length}`);
  return key;
}

/** One text per token: padded base64url that re-encodes to itself, of a length that Fernet can have. */
function isWellFormed(token: string): boolean {
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) return false;
  const bytes = Buffer.from(token, 'base64url');
  const cipherBytes = bytes.length - OVERHEAD_BYTES;
  if (cipherBytes < BLOCK_BYTES || cipherBytes % BLOCK_BYTES !== 0 || bytes[0] !== VERSION) return false;
  return bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_') === token;
}

/** The text in it, once its MAC is proven. @throws {SealedTokenError} `forged`. */
function decode(bytes: Buffer, key: Uint8Array): string {
  const macAt = bytes.length - MAC_BYTES;
  const mac = createHmac('sha256', key.subarray(0, HALF_KEY_BYTES)).update(bytes.subarray(0, macAt)).digest();
  if (!timingSafeEqual(mac, bytes.subarray(macAt))) throw new SealedTokenError('forged');
  const decipher = createDecipheriv('aes-128-cbc', key.subarray(HALF_KEY_BYTES), bytes.subarray(IV_AT, CIPHER_AT));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(CIPHER_AT, macAt)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new SealedTokenError('unusable', { cause }); // signed by who has the key, and yet no padding of Fernet
  }
}

function parse(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined; // without the parser's words: they quote the message
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SealedTokenError('unusable');
  return value as Record<string, unknown>;
}
