/** The hash of a passcode as an owner sends it; what it says is what `QuickHasher` compares, in the form of a real one. */
import { createHash } from 'node:crypto';

export function quickPasscodeHash(passcode: string): string {
  const base64 = (length: number, bytes: Buffer): string =>
    bytes.toString('base64').replaceAll('=', '').slice(0, length);
  const hash = createHash('sha256').update(passcode).digest();
  return `$argon2id$v=19$m=19456,t=2,p=1$${base64(22, Buffer.alloc(16))}$${base64(43, hash)}`;
}
