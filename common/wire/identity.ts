/**
 * The P-256 key and certificate that a tracker or a device is known by, and what is signed with it.
 * A pin is SHA-256 of the public key (SPKI DER) in lower-case hex. The only home of `selfsigned`.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  createSign,
  createVerify,
  ECDH,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeFileDurably } from '../runtime/files.js';

const CURVE = 'prime256v1';
const SIGNATURE_BYTES = 64;
/** Fixed, so that no clock that is wrong can make a fresh certificate invalid; pins are what is judged. */
const NOT_BEFORE = new Date(Date.UTC(2020, 0, 1));
const NOT_AFTER = new Date(Date.UTC(2120, 0, 1));
const OWNER_ONLY = 0o600;

export interface Identity {
  /** 64 lower-case hex digits. */
  readonly pin: string;
  readonly spki: Buffer;
  readonly keyPem: string;
  readonly certPem: string;
  /** ECDSA with SHA-256 over all `parts` in a row: 64 bytes, r ‖ s. */
  sign(...parts: readonly Uint8Array[]): Buffer;
}

/**
 * The identity in the PEM file `path` (key and certificate), made there when there is none: 0600, durable before it is used.
 * @throws {Error} when the file cannot be read or holds no identity; it is never replaced.
 */
export async function loadOrCreateIdentity(
  path: string,
  { commonName }: { readonly commonName: string },
): Promise<Identity> {
  const pem = await readIfExists(path);
  if (pem !== undefined) return identityOf(pem, path);
  const created = await createPem(commonName);
  await writeFileDurably(path, created, OWNER_ONLY);
  return identityOf(created, path);
}

/** Whether `signature` (64 bytes) was made by the P-256 key `spki` over all `parts` in a row. Malformed keys verify nothing. */
export function verifySignature(spki: Uint8Array, signature: Uint8Array, ...parts: readonly Uint8Array[]): boolean {
  const key = signature.length === SIGNATURE_BYTES ? publicKeyOf(spki) : undefined;
  if (key === undefined) return false;
  const verifier = createVerify('sha256');
  for (const part of parts) verifier.update(part);
  return verifier.verify({ key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** 64 lower-case hex digits. */
export function pinOfSpki(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex');
}

/** What stands before the 65 bytes of its point in the SPKI of every P-256 key. */
const SPKI_HEAD = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
const COORDINATE_BYTES = 32;

/** The key of `spki` in its shortest form: the compressed point of SEC 1, 33 bytes. */
export function compressedKey(spki: Uint8Array): Buffer {
  const isOdd = (spki.at(-1) ?? 0) % 2 === 1;
  return Buffer.concat([Buffer.from([isOdd ? 3 : 2]), spki.subarray(-2 * COORDINATE_BYTES, -COORDINATE_BYTES)]);
}

/** Turns `compressedKey` round; undefined for what is no point of the curve. */
export function spkiOfCompressed(key: Uint8Array): Buffer | undefined {
  try {
    const point = ECDH.convertKey(key, CURVE, undefined, undefined, 'uncompressed') as Buffer;
    return Buffer.concat([SPKI_HEAD, point]);
  } catch {
    return undefined; // bytes of someone else that are no point
  }
}

/** As screens and addresses show it. */
export function formatPin(pin: string): string {
  return `sha256:${pin}`;
}

/** The digits of a pin as a person wrote it, with or without `sha256:`. @throws {RangeError} for anything else. */
export function parsePin(text: string): string {
  const digits = /^(?:sha256:)?([0-9a-f]{64})$/i.exec(text.trim())?.[1];
  if (digits === undefined) {
    throw new RangeError(
      'This is not a pin. A pin is sha256: and 64 hex digits, as the tracker prints it when it starts.',
    );
  }
  return digits.toLowerCase();
}

const DEVICE_PROOF = Buffer.from('shoal/1 device');

/** What a device signs at `login`; see docs/protocol.md "Identities". `attempt` has 16 bytes. */
export function deviceProofParts(trackerPin: string, attempt: Uint8Array): Uint8Array[] {
  return [DEVICE_PROOF, Buffer.from(trackerPin, 'hex'), attempt];
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(
      `The identity in ${path} cannot be read (${(error as NodeJS.ErrnoException).code}). Check who owns the file.`,
      { cause: error },
    );
  }
}

async function createPem(commonName: string): Promise<string> {
  const { generate } = await import('selfsigned'); // only here: a start that has its identity need not load it
  const made = await generate([{ name: 'commonName', value: commonName.replace(/[^A-Za-z0-9 ._-]/g, '-') }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: NOT_BEFORE,
    notAfterDate: NOT_AFTER,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
    ],
  });
  return `${made.private.trim()}\n${made.cert.trim()}\n`;
}

function identityOf(pem: string, path: string): Identity {
  try {
    const key = createPrivateKey(pem);
    const certificate = new X509Certificate(pem);
    if (!isP256(key)) throw new Error('its key is not P-256');
    if (!certificate.checkPrivateKey(key)) throw new Error('its certificate belongs to another key');
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
    return {
      pin: pinOfSpki(spki),
      spki,
      sign: (...parts) => sign(key, parts),
      keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      certPem: certificate.toString(),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `${path} holds no usable identity: ${reason}. Restore it from a backup; or move it away, and a new one with another pin is made.`,
      { cause },
    );
  }
}

function sign(key: KeyObject, parts: readonly Uint8Array[]): Buffer {
  const signer = createSign('sha256');
  for (const part of parts) signer.update(part);
  return signer.sign({ key, dsaEncoding: 'ieee-p1363' });
}

function publicKeyOf(spki: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return isP256(key) ? key : undefined;
  } catch {
    return undefined; // bytes of someone else that are no key
  }
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === CURVE;
}
