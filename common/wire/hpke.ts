/** HPKE (RFC 9180) as this protocol uses it; the only home of `@hpke/core`. */
import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';

/** Base mode is what its contexts are in as long as no PSK and no sender key is given. */
export const hpke = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
