/**
 * A process of its own for password hashes, so that their memory and processor time never stand in the way of datagrams.
 * Started by `password-hasher.ts`, which sends at most two jobs at once; ends with it.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ARGON2_DEFAULTS, type Argon2Hash, formatPhc, HASH_BYTES, parsePhc, SALT_BYTES } from './phc.js';

/** With `phc`: does the password have this hash? Without: make one. */
export interface HashJob {
  readonly id: number;
  readonly password: string;
  readonly phc?: string;
}

export type HashAnswer = { readonly id: number } & (
  | { readonly phc: string }
  | { readonly isRight: boolean }
  | { readonly failure: string }
);

const derive = promisify(argon2);

process.on('message', (job: HashJob) => void answer(job));
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole terminal: the tracker ends this process when it is done

async function answer({ id, password, phc }: HashJob): Promise<void> {
  const result = await (phc === undefined ? make(password) : verify(password, phc)).catch((error: unknown) => ({
    failure: error instanceof Error ? error.message : String(error),
  }));
  process.send?.({ id, ...result } satisfies HashAnswer);
}

async function make(password: string): Promise<{ phc: string }> {
  const parameters = { ...ARGON2_DEFAULTS, salt: randomBytes(SALT_BYTES), hash: Buffer.alloc(HASH_BYTES) };
  return { phc: formatPhc({ ...parameters, hash: await hashOf(password, parameters) }) };
}

async function verify(password: string, phc: string): Promise<{ isRight: boolean }> {
  const expected = parsePhc(phc);
  if (expected === undefined) return { isRight: false };
  return { isRight: timingSafeEqual(await hashOf(password, expected), expected.hash) };
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
