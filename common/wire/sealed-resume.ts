/** `resume` over UDP: sealed under the resume key, no public-key work on either side; see docs/protocol.md "Resume". */
import { createHmac, randomBytes } from 'node:crypto';
import { MAX_DATAGRAM_BYTES, MAX_RESUME_TOKEN_LENGTH } from '../protocol/limits.js';
import { type AeadKey, fitting, hkdf, open, padded, seal } from './aead.js';
import { COOKIE_BYTES } from './cookie.js';
import { DATAGRAM_VERSION, decodeDatagram, KIND, SALT_BYTES, TAG_BYTES } from './datagrams.js';

const REPLY_HEADER_BYTES = 2 + 2 * SALT_BYTES;
/** Longest reply, bytes of JSON. */
export const MAX_SEALED_RESUME_REPLY_BYTES = MAX_DATAGRAM_BYTES - REPLY_HEADER_BYTES - TAG_BYTES;

/** A salt is in every key, so the one nonce is never used twice with a key. */
const NONCE = Buffer.alloc(12);
const PROOF_LABEL = 'shoal/1 resume proof';

export interface SealedResume {
  readonly datagram: Buffer;
  /** The reply's plaintext; undefined when it does not answer this datagram. */
  openReply(datagram: Buffer): Buffer | undefined;
}

/** The peer's side. `message` is the `resume` request without `token`. @throws {ProtocolError} `use-tcp` when it is too long. */
export function sealResume({
  cookie,
  token,
  resumeKey,
  message,
}: {
  readonly cookie: Uint8Array;
  readonly token: string;
  readonly resumeKey: Uint8Array;
  readonly message: object;
}): SealedResume {
  const salt = randomBytes(SALT_BYTES);
  const header = resumeHeader(cookie, token, salt);
  const plaintext = padded(message, MAX_DATAGRAM_BYTES - header.length - TAG_BYTES);
  return {
    datagram: Buffer.concat([header, seal(requestKey(resumeKey, salt), plaintext, header)]),
    openReply: (datagram) => {
      const reply = decodeDatagram(datagram);
      if (reply?.kind !== KIND.resumeReply || !reply.salt.equals(salt)) return undefined;
      return open(replyKey(resumeKey, salt, reply.replySalt), reply.sealed, datagram.subarray(0, REPLY_HEADER_BYTES));
    },
  };
}

export interface OpenedResume {
  readonly token: string;
  /** JSON without `token`, padded with spaces. */
  readonly plaintext: Buffer;
  /** @throws {ProtocolError} `use-tcp` when the message is too long. */
  sealReply(message: object): Buffer;
}

/**
 * The tracker's side; the caller has checked the cookie. `resumeKeyOfToken` opens the token, or says undefined to refuse it: then
 * `refused` is the salt to echo in a hint. Undefined: no resume datagram, forged or damaged.
 */
export function openResume(
  datagram: Buffer,
  resumeKeyOfToken: (token: string) => Uint8Array | undefined,
): OpenedResume | { readonly refused: Buffer } | undefined {
  const resume = decodeDatagram(datagram);
  if (resume?.kind !== KIND.resume) return undefined;
  const { token, sealed } = resume;
  const salt = Buffer.from(resume.salt);
  const resumeKey = resumeKeyOfToken(token);
  if (resumeKey === undefined) return { refused: salt };
  const header = datagram.subarray(0, datagram.length - sealed.length);
  const plaintext = open(requestKey(resumeKey, salt), sealed, header);
  if (plaintext === undefined) return undefined;
  return { token, plaintext, sealReply: (message) => sealReply(resumeKey, salt, message) };
}

/** The field `proof` of a resume request, 32 bytes. */
export function resumeProof(resumeKey: Uint8Array, attempt: Uint8Array): Buffer {
  return createHmac('sha256', resumeKey).update(PROOF_LABEL).update(attempt).digest();
}

function sealReply(resumeKey: Uint8Array, salt: Uint8Array, message: object): Buffer {
  const plaintext = fitting(message, MAX_SEALED_RESUME_REPLY_BYTES);
  const replySalt = randomBytes(SALT_BYTES);
  const header = Buffer.concat([Uint8Array.of(DATAGRAM_VERSION, KIND.resumeReply), salt, replySalt]);
  return Buffer.concat([header, seal(replyKey(resumeKey, salt, replySalt), plaintext, header)]);
}

function resumeHeader(cookie: Uint8Array, token: string, salt: Uint8Array): Buffer {
  if (cookie.length !== COOKIE_BYTES)
    throw new RangeError(`cookie must have ${COOKIE_BYTES} bytes, not ${cookie.length}`);
  if (token.length === 0 || token.length > MAX_RESUME_TOKEN_LENGTH) {
    throw new RangeError(`token must have 1 to ${MAX_RESUME_TOKEN_LENGTH} characters, not ${token.length}`);
  }
  const start = Buffer.from([DATAGRAM_VERSION, KIND.resume]);
  const length = Buffer.from([token.length >> 8, token.length & 0xff]);
  return Buffer.concat([start, cookie, length, Buffer.from(token, 'latin1'), salt]);
}

function requestKey(resumeKey: Uint8Array, salt: Uint8Array): AeadKey {
  return { key: hkdf(resumeKey, salt, 'shoal/1 resume c2t', 16), nonce: NONCE };
}

function replyKey(resumeKey: Uint8Array, salt: Uint8Array, replySalt: Uint8Array): AeadKey {
  return { key: hkdf(resumeKey, Buffer.concat([salt, replySalt]), 'shoal/1 resume t2c', 16), nonce: NONCE };
}
