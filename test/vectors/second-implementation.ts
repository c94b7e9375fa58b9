/**
 * Every sealed or binary form a second time, from docs/protocol.md and the RFCs alone: nothing here comes from `common/`, and
 * nothing but node:crypto is used. HPKE is RFC 9180 base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM.
 * Data is sealed with ChaCha20-Poly1305.
 */
import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';

export const hex = (text: string): Buffer => Buffer.from(text, 'hex');
export const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');
export const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);
export const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256')
    .update(join(...parts))
    .digest();
export const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer =>
  createHmac('sha256', key)
    .update(join(...parts))
    .digest();
export const u16 = (value: number): Buffer => hex(value.toString(16).padStart(4, '0'));
export const u64 = (value: number | bigint): Buffer => hex(value.toString(16).padStart(16, '0'));

/** RFC 5869. */
export function extract(salt: Uint8Array, secret: Uint8Array): Buffer {
  return hmac(salt.length === 0 ? Buffer.alloc(32) : salt, secret);
}

export function expand(prk: Uint8Array, info: Uint8Array, length: number): Buffer {
  let block: Buffer = Buffer.alloc(0);
  let all: Buffer = block;
  for (let index = 1; all.length < length; index += 1) {
    block = hmac(prk, block, info, Uint8Array.of(index));
    all = join(all, block);
  }
  return all.subarray(0, length);
}

const hkdf = (secret: Uint8Array, salt: Uint8Array, info: string, length: number): Buffer =>
  expand(extract(salt, secret), ascii(info), length);

type Algorithm = 'aes-128-gcm' | 'chacha20-poly1305';
const sealWith =
  (algorithm: Algorithm) =>
  (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Buffer => {
    const cipher = createCipheriv(algorithm as 'chacha20-poly1305', key, nonce, { authTagLength: 16 });
    cipher.setAAD(aad, { plaintextLength: plaintext.length });
    return join(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
  };
/** Throws when the tag is wrong. */
const openWith =
  (algorithm: Algorithm) =>
  (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer => {
    const decipher = createDecipheriv(algorithm as 'chacha20-poly1305', key, nonce, { authTagLength: 16 });
    decipher.setAAD(aad, { plaintextLength: sealed.length - 16 }).setAuthTag(sealed.subarray(-16));
    return join(decipher.update(sealed.subarray(0, -16)), decipher.final());
  };
export const gcmSeal = sealWith('aes-128-gcm');
export const gcmOpen = openWith('aes-128-gcm');
const chachaSeal = sealWith('chacha20-poly1305');
const chachaOpen = openWith('chacha20-poly1305');

const KEM_SUITE = join(ascii('KEM'), hex('0020'));
const HPKE_SUITE = join(ascii('HPKE'), hex('002000010001'));
const NOTHING = Buffer.alloc(0);

const labeledExtract = (suite: Buffer, salt: Uint8Array, label: string, secret: Uint8Array): Buffer =>
  extract(salt, join(ascii('HPKE-v1'), suite, ascii(label), secret));
const labeledExpand = (
  suite: Buffer,
  prk: Uint8Array,
  { label, info, length }: { label: string; info: Uint8Array; length: number },
): Buffer => expand(prk, join(u16(length), ascii('HPKE-v1'), suite, ascii(label), info), length);

const x25519Private = (raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: join(hex('302e020100300506032b656e04220420'), raw), format: 'der', type: 'pkcs8' });
const x25519Public = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: join(hex('302a300506032b656e032100'), raw), format: 'der', type: 'spki' });
export const x25519PublicOf = (privateKey: Uint8Array): Buffer =>
  createPublicKey(x25519Private(privateKey)).export({ format: 'der', type: 'spki' }).subarray(-32);
export const x25519KeysOf = (
  privateKey: Uint8Array,
): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } => ({
  privateKey: x25519Private(privateKey),
  publicKey: x25519Public(x25519PublicOf(privateKey)),
});
const x25519 = (privateKey: Uint8Array, publicKey: Uint8Array): Buffer =>
  diffieHellman({ privateKey: x25519Private(privateKey), publicKey: x25519Public(publicKey) });

export interface HpkeContext {
  readonly key: Buffer;
  readonly baseNonce: Buffer;
  readonly exporterSecret: Buffer;
  nonce(seq: number): Buffer;
  export(context: Uint8Array, length: number): Buffer;
}

/** Both ends: with the sender's private key or the recipient's. */
export function hpkeContext(
  keys: { skE?: Buffer; skR?: Buffer; pkE: Buffer; pkR: Buffer },
  info: Uint8Array,
): HpkeContext {
  const dh = keys.skE === undefined ? x25519(keys.skR ?? NOTHING, keys.pkE) : x25519(keys.skE, keys.pkR);
  const shared = labeledExpand(KEM_SUITE, labeledExtract(KEM_SUITE, NOTHING, 'eae_prk', dh), {
    label: 'shared_secret',
    info: join(keys.pkE, keys.pkR),
    length: 32,
  });
  const context = join(
    Uint8Array.of(0),
    labeledExtract(HPKE_SUITE, NOTHING, 'psk_id_hash', NOTHING),
    labeledExtract(HPKE_SUITE, NOTHING, 'info_hash', info),
  );
  const secret = labeledExtract(HPKE_SUITE, shared, 'secret', NOTHING);
  const baseNonce = labeledExpand(HPKE_SUITE, secret, { label: 'base_nonce', info: context, length: 12 });
  const exporterSecret = labeledExpand(HPKE_SUITE, secret, { label: 'exp', info: context, length: 32 });
  return {
    key: labeledExpand(HPKE_SUITE, secret, { label: 'key', info: context, length: 16 }),
    baseNonce,
    exporterSecret,
    nonce: (seq) => hex((BigInt(`0x${baseNonce.toString('hex')}`) ^ BigInt(seq)).toString(16).padStart(24, '0')),
    export: (exporterContext, length) =>
      labeledExpand(HPKE_SUITE, exporterSecret, { label: 'sec', info: exporterContext, length }),
  };
}

/** A P-256 key from its 32-byte private number. */
export function p256(privateNumber: Uint8Array): {
  readonly key: KeyObject;
  readonly spki: Buffer;
  readonly pin: string;
} {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(privateNumber);
  const point = curve.getPublicKey();
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    d: Buffer.from(privateNumber).toString('base64url'),
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  const spki = join(hex('3059301306072a8648ce3d020106082a8648ce3d030107034200'), point);
  return { key: createPrivateKey({ key: jwk, format: 'jwk' }), spki, pin: sha256(spki).toString('hex') };
}

export const ecdsaSign = (key: KeyObject, ...parts: readonly Uint8Array[]): Buffer =>
  sign('sha256', join(...parts), { key, dsaEncoding: 'ieee-p1363' });
export const ecdsaVerify = (spki: Uint8Array, signature: Uint8Array, ...parts: readonly Uint8Array[]): boolean =>
  verify(
    'sha256',
    join(...parts),
    { key: createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }), dsaEncoding: 'ieee-p1363' },
    signature,
  );

const VERSION = Uint8Array.of(1);
const json = (message: object): Buffer => Buffer.from(JSON.stringify(message));
const padded = (message: object, length: number): Buffer =>
  join(json(message), Buffer.alloc(length - json(message).length, ' '));
const unsealed = (bytes: Buffer): unknown => JSON.parse(bytes.toString());

export const kemOffer = (kemKey: Buffer, notAfter: number, signature: Buffer, spki: Buffer): Buffer =>
  join(sha256(kemKey).subarray(0, 8), kemKey, u64(notAfter), signature, u16(spki.length), spki);
export const kemSigned = (kemKey: Buffer, notAfter: number): Buffer =>
  join(ascii('shoal/1 kem'), kemKey, u64(notAfter));
export const cookieReply = (nonce: Buffer, cookie: Buffer, offer: Buffer): Buffer =>
  join(VERSION, hex('81'), nonce, cookie, offer);

const loginInfo = (pin: string): Buffer => join(ascii('shoal/1 login'), hex(pin));
const replyKeys = (context: HpkeContext, salt: Buffer): { key: Buffer; nonce: Buffer } => {
  const secret = context.export(ascii('shoal/1 login reply'), 16);
  return { key: hkdf(secret, salt, 'key', 16), nonce: hkdf(secret, salt, 'nonce', 12) };
};

export interface LoginKeys {
  readonly skE?: Buffer;
  readonly skR?: Buffer;
  readonly pkE: Buffer;
  readonly pkR: Buffer;
  readonly pin: string;
}

export function loginDatagram(keys: LoginKeys, cookie: Buffer, message: object): Buffer {
  const header = join(VERSION, hex('02'), cookie, sha256(keys.pkR).subarray(0, 8));
  const context = hpkeContext(keys, loginInfo(keys.pin));
  return join(header, keys.pkE, gcmSeal(context.key, context.nonce(0), header, padded(message, 1_118)));
}

export function openLoginDatagram(keys: LoginKeys, datagram: Buffer): unknown {
  const context = hpkeContext(keys, loginInfo(keys.pin));
  return unsealed(gcmOpen(context.key, context.nonce(0), datagram.subarray(0, 34), datagram.subarray(66)));
}

export function loginReply(keys: LoginKeys, responseNonce: Buffer, message: object): Buffer {
  const { key, nonce } = replyKeys(hpkeContext(keys, loginInfo(keys.pin)), join(keys.pkE, responseNonce));
  return join(VERSION, hex('82'), responseNonce, gcmSeal(key, nonce, NOTHING, json(message)));
}

export function openLoginReply(keys: LoginKeys, datagram: Buffer): unknown {
  const { key, nonce } = replyKeys(hpkeContext(keys, loginInfo(keys.pin)), join(keys.pkE, datagram.subarray(2, 18)));
  return unsealed(gcmOpen(key, nonce, NOTHING, datagram.subarray(18)));
}

const ZERO_NONCE = Buffer.alloc(12);

export function resumeDatagram(
  resumeKey: Buffer,
  { cookie, token, salt }: { cookie: Buffer; token: string; salt: Buffer },
  message: object,
): Buffer {
  const header = join(VERSION, hex('03'), cookie, u16(token.length), ascii(token), salt);
  return join(
    header,
    gcmSeal(
      hkdf(resumeKey, salt, 'shoal/1 resume c2t', 16),
      ZERO_NONCE,
      header,
      padded(message, 1_200 - header.length - 16),
    ),
  );
}

export function openResumeDatagram(resumeKey: Buffer, datagram: Buffer): unknown {
  const sealedAt = 28 + datagram.readUInt16BE(26) + 16;
  const key = hkdf(resumeKey, datagram.subarray(sealedAt - 16, sealedAt), 'shoal/1 resume c2t', 16);
  return unsealed(gcmOpen(key, ZERO_NONCE, datagram.subarray(0, sealedAt), datagram.subarray(sealedAt)));
}

export function resumeReply(resumeKey: Buffer, salt: Buffer, replySalt: Buffer, message: object): Buffer {
  const header = join(VERSION, hex('83'), salt, replySalt);
  return join(
    header,
    gcmSeal(hkdf(resumeKey, join(salt, replySalt), 'shoal/1 resume t2c', 16), ZERO_NONCE, header, json(message)),
  );
}

export function openResumeReply(resumeKey: Buffer, datagram: Buffer): unknown {
  const key = hkdf(resumeKey, datagram.subarray(2, 34), 'shoal/1 resume t2c', 16);
  return unsealed(gcmOpen(key, ZERO_NONCE, datagram.subarray(0, 34), datagram.subarray(34)));
}

export type Direction = 'c2t' | 't2c';
export const dataKey = (accessKey: Buffer, session: Buffer, direction: Direction): Buffer =>
  hkdf(accessKey, session, `shoal/1 ${direction}`, 32);

export function dataDatagram(
  key: Buffer,
  { direction, session, seq }: { direction: Direction; session: Buffer; seq: bigint },
  plaintext: Uint8Array,
): Buffer {
  const header = join(VERSION, hex(direction === 'c2t' ? '04' : '84'), session, u64(seq));
  return join(header, chachaSeal(key, join(Buffer.alloc(4), u64(seq)), header, plaintext));
}

export function openDataDatagram(key: Buffer, datagram: Buffer): Buffer {
  return chachaOpen(
    key,
    join(Buffer.alloc(4), datagram.subarray(18, 26)),
    datagram.subarray(0, 26),
    datagram.subarray(26),
  );
}

const base64 = (bytes: Buffer): string => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');

/** Fernet; `time` in seconds since the epoch. */
export function fernetToken(key: Buffer, time: number, iv: Buffer, message: string): string {
  const cipher = createCipheriv('aes-128-cbc', key.subarray(16), iv);
  const body = join(hex('80'), u64(time), iv, cipher.update(message), cipher.final());
  return base64(join(body, hmac(key.subarray(0, 16), body)));
}

/** Throws when the token is not authentic. */
export function openFernetToken(key: Buffer, token: string): string {
  const bytes = Buffer.from(token, 'base64url');
  const body = bytes.subarray(0, -32);
  if (base64(bytes) !== token || bytes[0] !== 0x80 || !hmac(key.subarray(0, 16), body).equals(bytes.subarray(-32)))
    throw new Error('not authentic');
  const decipher = createDecipheriv('aes-128-cbc', key.subarray(16), body.subarray(9, 25));
  return join(decipher.update(body.subarray(25)), decipher.final()).toString();
}

export const ticketSigned = (payload: Uint8Array): Buffer => join(ascii('shoal/1 ticket'), payload);
export const ticketText = (payload: Buffer, signature: Buffer): string =>
  `${payload.toString('base64url')}.${signature.toString('base64url')}`;
export const receiptSigned = (
  { ticket, bytes, outcome, at }: { ticket: string; bytes: number; outcome: string; at: number },
  sourcePin: string,
): Buffer => join(ascii('shoal/1 receipt'), sha256(ascii(ticket)), hex(sourcePin), u64(bytes), u64(at), ascii(outcome));
/** SEC 1, 2.3.3: whether the second coordinate is odd, and the first one. */
export const compressedPoint = (spki: Buffer): Buffer =>
  join(Buffer.from([spki[spki.length - 1]! % 2 === 1 ? 3 : 2]), spki.subarray(-64, -32));
export const deviceProofSigned = (trackerPin: string, attempt: Buffer): Buffer =>
  join(ascii('shoal/1 device'), hex(trackerPin), attempt);
export const resumeProof = (resumeKey: Buffer, attempt: Buffer): Buffer =>
  hmac(resumeKey, ascii('shoal/1 resume proof'), attempt);
