/** HPKE (RFC 9180) as this protocol uses it; the only home of `@hpke/core`. */
import { createHmac, hkdfSync } from 'node:crypto';
import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';

type Bytes = Parameters<HkdfSha256['extract']>[0];

/** HKDF by Node's own functions: over Web Crypto each step is two jobs of the thread pool, which cost a login more than its X25519. */
class NodeHkdf extends HkdfSha256 {
  override async extract(salt: Bytes, ikm: Bytes): Promise<ArrayBuffer> {
    return hmac(salt, ikm);
  }

  override async expand(prk: Bytes, info: Bytes, length: number): Promise<ArrayBuffer> {
    if (length > this.hashSize) return super.expand(prk, info, length);
    return hmac(prk, info, Uint8Array.of(1)).slice(0, length);
  }

  override async extractAndExpand(salt: Bytes, ikm: Bytes, info: Bytes, length: number): Promise<ArrayBuffer> {
    return hkdfSync('sha256', viewOf(ikm), viewOf(salt), viewOf(info), length);
  }
}

/** Base mode is what its contexts are in as long as no PSK and no sender key is given. */
export const hpke = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new NodeHkdf(), aead: new Aes128Gcm() });

function hmac(key: Bytes, ...parts: Bytes[]): ArrayBuffer {
  const mac = createHmac('sha256', viewOf(key));
  for (const part of parts) mac.update(viewOf(part));
  return new Uint8Array(mac.digest()).buffer;
}

function viewOf(bytes: Bytes): Uint8Array {
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}
