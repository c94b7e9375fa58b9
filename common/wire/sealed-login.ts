/** `login` over UDP: sealed to the tracker's KEM key, answered under a key exported from the same context; see docs/protocol.md "Login". */
import { randomBytes } from 'node:crypto';
import { MAX_DATAGRAM_BYTES } from '../protocol/limits.js';
import { type AeadKey, fitting, hkdf, open, padded, seal } from './aead.js';
import { DATAGRAM_VERSION, decodeDatagram, KIND, LOGIN_HEADER_BYTES, NONCE_BYTES, TAG_BYTES } from './datagrams.js';
import { hpke } from './hpke.js';
import { KEM_KEY_BYTES, type KemSecret, kemPair } from './kem-keys.js';

/** Longest `login` request, bytes of JSON. */
export const MAX_SEALED_LOGIN_BYTES = MAX_DATAGRAM_BYTES - LOGIN_HEADER_BYTES - KEM_KEY_BYTES - TAG_BYTES;
/** Longest reply to it. */
export const MAX_SEALED_LOGIN_REPLY_BYTES = MAX_DATAGRAM_BYTES - 2 - NONCE_BYTES - TAG_BYTES;

const INFO = Buffer.from('shoal/1 login');
const REPLY_CONTEXT = Buffer.from('shoal/1 login reply');
const REPLY_SECRET_BYTES = 16;

interface Exporter {
  export(context: Uint8Array, length: number): Promise<ArrayBuffer>;
}

export interface SealedLogin {
  readonly datagram: Buffer;
  /** The reply's plaintext; undefined when it does not answer this datagram. */
  openReply(datagram: Buffer): Promise<Buffer | undefined>;
}

/** The peer's side. `trackerPin` is hex. @throws {ProtocolError} `use-tcp` when `message` is too long. */
export async function sealLogin({
  cookie,
  keyId,
  kemKey,
  trackerPin,
  message,
}: {
  readonly cookie: Uint8Array;
  readonly keyId: Uint8Array;
  readonly kemKey: Uint8Array;
  readonly trackerPin: string;
  readonly message: object;
}): Promise<SealedLogin> {
  const plaintext = padded(message, MAX_SEALED_LOGIN_BYTES);
  const recipientPublicKey = await hpke.kem.deserializePublicKey(kemKey);
  const context = await hpke.createSenderContext({ recipientPublicKey, info: loginInfo(trackerPin) });
  const header = Buffer.concat([Uint8Array.of(DATAGRAM_VERSION, KIND.login), cookie, keyId]);
  const enc = new Uint8Array(context.enc);
  const sealed = await context.seal(plaintext, header);
  return {
    datagram: Buffer.concat([header, enc, new Uint8Array(sealed)]),
    openReply: async (datagram) => {
      const reply = decodeDatagram(datagram);
      if (reply?.kind !== KIND.loginReply) return undefined;
      return open(replyKey({ enc, replySecret: await exportSecret(context) }, reply.responseNonce), reply.sealed);
    },
  };
}

/** What a reply is sealed with. */
interface ReplyKeys {
  /** Of the request. */
  readonly enc: Uint8Array;
  readonly replySecret: Uint8Array;
}

/** Nothing but bytes, so that another process can send it. */
export interface OpenedLogin extends ReplyKeys {
  /** JSON, padded with spaces. */
  readonly plaintext: Uint8Array;
}

export interface LoginKeys {
  /** That of the datagram's `keyId`. */
  readonly kemSecret: KemSecret;
  /** Hex. */
  readonly trackerPin: string;
}

/** The tracker's side; the caller has checked the cookie. Undefined: another key or pin, forged or damaged. */
export async function openLogin(
  datagram: Buffer,
  { kemSecret, trackerPin }: LoginKeys,
): Promise<OpenedLogin | undefined> {
  const login = decodeDatagram(datagram);
  if (login?.kind !== KIND.login) return undefined;
  const { enc, sealed } = login;
  const recipientKey = kemPair(kemSecret);
  try {
    const context = await hpke.createRecipientContext({ recipientKey, enc, info: loginInfo(trackerPin) });
    const plaintext = new Uint8Array(await context.open(sealed, datagram.subarray(0, LOGIN_HEADER_BYTES)));
    return { plaintext, enc, replySecret: await exportSecret(context) };
  } catch {
    return undefined; // whatever fails here fails because of bytes that a stranger chose
  }
}

/** @throws {ProtocolError} `use-tcp` when the message is too long. */
export function sealLoginReply(keys: ReplyKeys, message: object): Buffer {
  const plaintext = fitting(message, MAX_SEALED_LOGIN_REPLY_BYTES);
  const responseNonce = randomBytes(NONCE_BYTES);
  const sealed = seal(replyKey(keys, responseNonce), plaintext);
  return Buffer.concat([Uint8Array.of(DATAGRAM_VERSION, KIND.loginReply), responseNonce, sealed]);
}

/** RFC 9458 §4.4. */
function replyKey({ enc, replySecret }: ReplyKeys, responseNonce: Uint8Array): AeadKey {
  const salt = Buffer.concat([enc, responseNonce]);
  return { key: hkdf(replySecret, salt, 'key', 16), nonce: hkdf(replySecret, salt, 'nonce', 12) };
}

async function exportSecret(context: Exporter): Promise<Uint8Array> {
  return new Uint8Array(await context.export(REPLY_CONTEXT, REPLY_SECRET_BYTES));
}

function loginInfo(trackerPin: string): Buffer {
  return Buffer.concat([INFO, Buffer.from(trackerPin, 'hex')]);
}
