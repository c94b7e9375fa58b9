/**
 * Fernet tokens whose message is a JSON object with its own end; see docs/protocol.md "Sealed tokens". The only home of `fernet`.
 * That library ignores junk characters and bad padding, and its ttl trusts a clock of its own: all of that is judged here.
 */
import fernet from 'fernet';

const MAX_TOKEN_LENGTH = 4_096;
const KEY_BYTES = 32;
const VERSION = 0x80;
/** Version, timestamp, IV and MAC. */
const OVERHEAD_BYTES = 1 + 8 + 16 + 32;
const BLOCK_BYTES = 16;

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
  return new fernet.Token({ secret: secretOf(key) }).encode(JSON.stringify(message));
}

/** The message, while `now` (ms since epoch) is not past its `notAfter`. @throws {SealedTokenError} */
export function openToken(token: string, key: Uint8Array, now: number): Record<string, unknown> {
  const secret = secretOf(key);
  if (!isWellFormed(token)) throw new SealedTokenError('malformed');
  const message = parse(decode(token, secret));
  const notAfter = Object.hasOwn(message, 'notAfter') ? message['notAfter'] : undefined;
  if (!Number.isSafeInteger(notAfter)) throw new SealedTokenError('unusable');
  if (now > (notAfter as number)) throw new SealedTokenError('expired');
  return message;
}

function secretOf(key: Uint8Array): InstanceType<typeof fernet.Secret> {
  if (key.length !== KEY_BYTES) throw new RangeError(`a token key must have ${KEY_BYTES} bytes, not ${key.length}`);
  return new fernet.Secret(Buffer.from(key).toString('base64url'));
}

/** One text per token: padded base64url that re-encodes to itself, of a length that Fernet can have. */
function isWellFormed(token: string): boolean {
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) return false;
  const bytes = Buffer.from(token, 'base64url');
  const cipherBytes = bytes.length - OVERHEAD_BYTES;
  if (cipherBytes < BLOCK_BYTES || cipherBytes % BLOCK_BYTES !== 0 || bytes[0] !== VERSION) return false;
  return bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_') === token;
}

function decode(token: string, secret: InstanceType<typeof fernet.Secret>): string {
  try {
    return new fernet.Token({ secret, token, ttl: 0 }).decode();
  } catch (cause) {
    throw new SealedTokenError('forged', { cause });
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
