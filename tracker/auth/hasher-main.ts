/**
 * A process of its own for password hashes, so that their memory and processor time never stand in the way of datagrams.
 * Started by `password-hasher.ts`, which sends at most two jobs at once; ends with it.
 */
import { hashPassword, isPasswordOf } from '../../common/wire/password-hash.js';

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

process.on('message', (job: HashJob) => void answer(job));
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole terminal: the tracker ends this process when it is done

async function answer({ id, password, phc }: HashJob): Promise<void> {
  const result = await run(password, phc).catch((error: unknown) => ({
    failure: error instanceof Error ? error.message : String(error),
  }));
  process.send?.({ id, ...result } satisfies HashAnswer);
}

async function run(password: string, phc: string | undefined): Promise<{ phc: string } | { isRight: boolean }> {
  return phc === undefined ? { phc: await hashPassword(password) } : { isRight: await isPasswordOf(password, phc) };
}
