/** argon2id, as the tracker keeps passwords and owners make the locks of their publications. Takes about 50 ms and 19 MiB. */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ARGON2_DEFAULTS, type Argon2Hash, formatPhc, HASH_BYTES, parsePhc, SALT_BYTES } from './phc.js';

const derive = promisify(argon2);

/** A PHC string of the password, by default with a salt of its own. */
export async function hashPassword(password: string, salt: Buffer = randomBytes(SALT_BYTES)): Promise<string> {
  const parameters = { ...ARGON2_DEFAULTS, salt, hash: Buffer.alloc(HASH_BYTES) };
  return formatPhc({ ...parameters, hash: await hashOf(password, parameters) });
}

/** Whether `phc` is the hash of this password; false when it is no hash at all. */
export async function isPasswordOf(password: string, phc: string): Promise<boolean> {
  const expected = parsePhc(phc);
  return expected !== undefined && timingSafeEqual(await hashOf(password, expected), expected.hash);
}

function hashOf(password: string, { memory, passes, parallelism, salt, hash }: Argon2Hash): Promise<Buffer> {
  return derive('argon2id', {
    message: Buffer.from(password),
    nonce: salt,
    parallelism,
    tagLength: hash.length,
    memory,
    passes,
  });
}
