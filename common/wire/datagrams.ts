/**
 * The byte forms of all datagrams; see docs/protocol.md "UDP". Knows where fields lie, not what is sealed in them.
 * Whatever is not exactly one of the forms is `undefined`, to be dropped in silence.
 */
import { MAX_DATAGRAM_BYTES, MAX_RESUME_TOKEN_LENGTH } from '../protocol/limits.js';
import { COOKIE_BYTES } from './cookie.js';
import { pinOfSpki, verifySignature } from './identity.js';
import { KEM_KEY_BYTES, KEY_ID_BYTES, type KemOffer, kemKeyId, kemOfferParts } from './kem-keys.js';

export const DATAGRAM_VERSION = 1;

export const KIND = {
  hello: 0x01,
  login: 0x02,
  resume: 0x03,
  peerData: 0x04,
  cookie: 0x81,
  loginReply: 0x82,
  resumeReply: 0x83,
  trackerData: 0x84,
  hint: 0x85,
} as const;

/** What a hint says. */
export const HINT = { noSession: 1, tokenRefused: 2 } as const;
export type Hint = (typeof HINT)[keyof typeof HINT];

export const TAG_BYTES = 16;
export const NONCE_BYTES = 16;
export const SALT_BYTES = 16;
export const SESSION_BYTES = 16;
/** Version ‖ kind ‖ session ‖ seq. */
export const DATA_HEADER_BYTES = 26;
/** Version ‖ kind ‖ cookie ‖ keyId. */
export const LOGIN_HEADER_BYTES = 2 + COOKIE_BYTES + KEY_ID_BYTES;
const SIGNATURE_BYTES = 64;
const COOKIE_REPLY_BEFORE_SPKI =
  2 + NONCE_BYTES + COOKIE_BYTES + KEY_ID_BYTES + KEM_KEY_BYTES + 8 + SIGNATURE_BYTES + 2;
const RESUME_BEFORE_TOKEN = 2 + COOKIE_BYTES + 2;
const HINT_TOTAL_BYTES = 19;
/** A tracker's clock and ours may disagree; its keys open for an hour after this moment. */
const NOT_AFTER_GRACE_MS = 3_600_000;

interface CookieFields {
  readonly kind: typeof KIND.cookie;
  readonly nonce: Buffer;
  readonly cookie: Buffer;
  readonly keyId: Buffer;
  readonly kemKey: Buffer;
  /** ms since epoch, u64. */
  readonly notAfter: bigint;
  readonly signature: Buffer;
  readonly spki: Buffer;
}

/** All buffers are views of the datagram. */
export type Datagram =
  | { readonly kind: typeof KIND.hello; readonly nonce: Buffer }
  | CookieFields
  | {
      readonly kind: typeof KIND.login;
      readonly cookie: Buffer;
      readonly keyId: Buffer;
      readonly enc: Buffer;
      readonly sealed: Buffer;
    }
  | { readonly kind: typeof KIND.loginReply; readonly responseNonce: Buffer; readonly sealed: Buffer }
  | {
      readonly kind: typeof KIND.resume;
      readonly cookie: Buffer;
      readonly token: string;
      readonly salt: Buffer;
      readonly sealed: Buffer;
    }
  | {
      readonly kind: typeof KIND.resumeReply;
      readonly salt: Buffer;
      readonly replySalt: Buffer;
      readonly sealed: Buffer;
    }
  | { readonly kind: typeof KIND.peerData | typeof KIND.trackerData; readonly session: Buffer }
  | { readonly kind: typeof KIND.hint; readonly what: Hint; readonly echo: Buffer };

/** The fields of a datagram, or undefined when it has none of the forms. Nothing is verified. */
export function decodeDatagram(bytes: Buffer): Datagram | undefined {
  if (bytes.length < 2 || bytes.length > MAX_DATAGRAM_BYTES || bytes[0] !== DATAGRAM_VERSION) return undefined;
  switch (bytes[1]) {
    case KIND.peerData:
      return decodeData(KIND.peerData, bytes);
    case KIND.trackerData:
      return decodeData(KIND.trackerData, bytes);
    case KIND.hello:
      return decodeHello(bytes);
    case KIND.cookie:
      return decodeCookie(bytes);
    case KIND.login:
      return decodeLogin(bytes);
    case KIND.loginReply:
      return decodeLoginReply(bytes);
    case KIND.resume:
      return decodeResume(bytes);
    case KIND.resumeReply:
      return decodeResumeReply(bytes);
    case KIND.hint:
      return decodeHint(bytes);
    default:
      return undefined;
  }
}

/** Whether it is of the form of a peer's sealed data: by far the most are, so this is asked before all fields are. Nothing is verified. */
export function isPeerData(bytes: Buffer): boolean {
  return bytes[1] === KIND.peerData && bytes[0] === DATAGRAM_VERSION && isDataLength(bytes.length);
}

/** The session that a datagram of sealed data names, as text. */
export function sessionOfData(bytes: Buffer): string {
  return bytes.toString('base64url', 2, 2 + SESSION_BYTES);
}

/** Padded to MAX_DATAGRAM_BYTES, so that no answer to it is longer. */
export function encodeHello(nonce: Uint8Array): Buffer {
  const bytes = Buffer.alloc(MAX_DATAGRAM_BYTES);
  bytes[0] = DATAGRAM_VERSION;
  bytes[1] = KIND.hello;
  bytes.set(exactly(nonce, NONCE_BYTES, 'nonce'), 2);
  return bytes;
}

export function encodeCookie({
  nonce,
  cookie,
  offer,
}: {
  nonce: Uint8Array;
  cookie: Uint8Array;
  offer: KemOffer;
}): Buffer {
  return Buffer.concat([
    Uint8Array.of(DATAGRAM_VERSION, KIND.cookie),
    exactly(nonce, NONCE_BYTES, 'nonce'),
    exactly(cookie, COOKIE_BYTES, 'cookie'),
    offer,
  ]);
}

/** `echo`: the session of HINT.noSession, the salt of HINT.tokenRefused. */
export function encodeHint(what: Hint, echo: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(DATAGRAM_VERSION, KIND.hint, what), exactly(echo, SALT_BYTES, 'echo')]);
}

export interface CookieReply {
  readonly cookie: Buffer;
  readonly keyId: Buffer;
  readonly kemKey: Buffer;
  readonly spki: Buffer;
}

/**
 * The peer's side: undefined unless the reply answers `nonce`, is of the tracker with `pin` and signed by it, and its key can still be in use.
 * `now` (ms since epoch) judges the last; without it the tracker is left to refuse an old key.
 */
export function readCookieReply(
  datagram: Buffer,
  { nonce, pin, now }: { readonly nonce: Uint8Array; readonly pin: string; readonly now?: number },
): CookieReply | undefined {
  const fields = decodeDatagram(datagram);
  if (fields?.kind !== KIND.cookie || !fields.nonce.equals(nonce)) return undefined;
  const { cookie, keyId, kemKey, spki, notAfter } = fields;
  if (pinOfSpki(spki) !== pin || !kemKeyId(kemKey).equals(keyId)) return undefined;
  if (!verifySignature(spki, fields.signature, ...kemOfferParts(kemKey, notAfter))) return undefined;
  if (now !== undefined && notAfter + BigInt(NOT_AFTER_GRACE_MS) < BigInt(Math.floor(now))) return undefined;
  return { cookie, keyId, kemKey, spki };
}

function decodeHello(bytes: Buffer): Datagram | undefined {
  if (bytes.length !== MAX_DATAGRAM_BYTES || !isZero(bytes.subarray(2 + NONCE_BYTES))) return undefined;
  return { kind: KIND.hello, nonce: bytes.subarray(2, 2 + NONCE_BYTES) };
}

function decodeCookie(bytes: Buffer): CookieFields | undefined {
  if (bytes.length <= COOKIE_REPLY_BEFORE_SPKI) return undefined;
  if (bytes.readUInt16BE(COOKIE_REPLY_BEFORE_SPKI - 2) !== bytes.length - COOKIE_REPLY_BEFORE_SPKI) return undefined;
  return {
    kind: KIND.cookie,
    nonce: bytes.subarray(2, 18),
    cookie: bytes.subarray(18, 42),
    keyId: bytes.subarray(42, 50),
    kemKey: bytes.subarray(50, 82),
    notAfter: bytes.readBigUInt64BE(82),
    signature: bytes.subarray(90, 154),
    spki: bytes.subarray(COOKIE_REPLY_BEFORE_SPKI),
  };
}

function decodeLogin(bytes: Buffer): Datagram | undefined {
  if (bytes.length !== MAX_DATAGRAM_BYTES) return undefined;
  return {
    kind: KIND.login,
    cookie: bytes.subarray(2, 26),
    keyId: bytes.subarray(26, 34),
    enc: bytes.subarray(34, 66),
    sealed: bytes.subarray(66),
  };
}

function decodeLoginReply(bytes: Buffer): Datagram | undefined {
  if (bytes.length < 18 + TAG_BYTES) return undefined;
  return { kind: KIND.loginReply, responseNonce: bytes.subarray(2, 18), sealed: bytes.subarray(18) };
}

function decodeResume(bytes: Buffer): Datagram | undefined {
  if (bytes.length !== MAX_DATAGRAM_BYTES) return undefined;
  const length = bytes.readUInt16BE(RESUME_BEFORE_TOKEN - 2);
  if (length === 0 || length > MAX_RESUME_TOKEN_LENGTH) return undefined;
  const saltAt = RESUME_BEFORE_TOKEN + length;
  return {
    kind: KIND.resume,
    cookie: bytes.subarray(2, 26),
    token: bytes.toString('latin1', RESUME_BEFORE_TOKEN, saltAt),
    salt: bytes.subarray(saltAt, saltAt + SALT_BYTES),
    sealed: bytes.subarray(saltAt + SALT_BYTES),
  };
}

function decodeResumeReply(bytes: Buffer): Datagram | undefined {
  if (bytes.length < 34 + TAG_BYTES) return undefined;
  return {
    kind: KIND.resumeReply,
    salt: bytes.subarray(2, 18),
    replySalt: bytes.subarray(18, 34),
    sealed: bytes.subarray(34),
  };
}

function decodeData(kind: typeof KIND.peerData | typeof KIND.trackerData, bytes: Buffer): Datagram | undefined {
  if (!isDataLength(bytes.length)) return undefined;
  return { kind, session: bytes.subarray(2, 2 + SESSION_BYTES) };
}

function isDataLength(length: number): boolean {
  return length >= DATA_HEADER_BYTES + TAG_BYTES && length <= MAX_DATAGRAM_BYTES;
}

function decodeHint(bytes: Buffer): Datagram | undefined {
  const what = bytes[2];
  if (bytes.length !== HINT_TOTAL_BYTES || (what !== HINT.noSession && what !== HINT.tokenRefused)) return undefined;
  return { kind: KIND.hint, what, echo: bytes.subarray(3) };
}

const ZEROS = Buffer.alloc(MAX_DATAGRAM_BYTES);

function isZero(bytes: Buffer): boolean {
  return bytes.compare(ZEROS, 0, bytes.length) === 0;
}

function exactly(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`${what} must have ${length} bytes, not ${bytes.length}`);
  return bytes;
}
