/** `DataCipher` of libsodium, in WebAssembly: it makes no object for each datagram, and takes less than half the time of Node's. */
import sodium from 'libsodium-wrappers';
import type { DataCipher } from '../../common/wire/data-cipher.js';

await sodium.ready;

export const sodiumCipher: DataCipher = {
  seal(plaintext, { key, nonce, aad }) {
    return sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, aad, null, nonce, key);
  },

  open(sealed, { key, nonce, aad }) {
    try {
      const { buffer, byteOffset, length } = sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
        null,
        sealed,
        aad,
        nonce,
        key,
      );
      return Buffer.from(buffer, byteOffset, length);
    } catch {
      return undefined; // its only way to say that the tag is wrong
    }
  },
};
