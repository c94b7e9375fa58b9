/** Password hashes as text: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`, base64 without padding, as other programs write them. */
import { randomBytes } from 'node:crypto';

export interface Argon2Hash {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** What OWASP recommends: 19 MiB, two passes. */
export const ARGON2_DEFAULTS = { memory: 19_456, passes: 2, parallelism: 1 } as const;
export const SALT_BYTES = 16;
export const HASH_BYTES = 32;

/** An imported hash must not cost the tracker more than this: every guess has to be paid. */
const MAX_MEMORY_KIB = 262_144;
const MAX_PASSES = 16;
const MAX_PARALLELISM = 16;

const FORM = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

export function formatPhc({ memory, passes, parallelism, salt, hash }: Argon2Hash): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(hash)}`;
}

/** Undefined when the text is no argon2id hash that may be used here. */
export function parsePhc(text: string): Argon2Hash | undefined {
  const [, m, t, p, salt, hash] = FORM.exec(text) ?? [];
  if (salt === undefined || hash === undefined) return undefined;
  const [memory, passes, parallelism] = [Number(m), Number(t), Number(p)];
  const isPossible = passes >= 1 && parallelism >= 1 && memory >= 8 * parallelism;
  if (!isPossible || memory > MAX_MEMORY_KIB || passes > MAX_PASSES || parallelism > MAX_PARALLELISM) return undefined;
  return { memory, passes, parallelism, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

/** A hash as costly as a real one, that no password has: unknown users must take as long as known ones. */
export function dummyHash(): string {
  return formatPhc({ ...ARGON2_DEFAULTS, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) });
}
