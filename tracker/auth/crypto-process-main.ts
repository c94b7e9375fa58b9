/**
 * A process of its own for password hashes and the seals of logins, so that their memory and processor time never stand in the way of
 * datagrams. Started by `crypto-process.ts`, which sends few jobs at once; ends with it.
 */
import { hashPassword, isPasswordOf } from '../../common/wire/password-hash.js';
import { type LoginKeys, type OpenedLogin, openLogin } from '../../common/wire/sealed-login.js';

export type CryptoJob = HashJob | LoginJob;

/** With `phc`: does the password have this hash? Without: make one. */
export interface HashJob {
  readonly password: string;
  readonly phc?: string;
}

export interface LoginJob extends LoginKeys {
  /** What is to be opened. */
  readonly datagram: Buffer;
}

export type CryptoResult =
  | { readonly phc: string }
  | { readonly isRight: boolean }
  | { readonly opened: OpenedLogin | undefined }
  | { readonly failure: string };

/** Both ways with the number of the job. */
export type Numbered<T> = T & { readonly id: number };

process.on('message', (job: Numbered<CryptoJob>) => void answer(job));
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole terminal: the tracker ends this process when it is done

async function answer({ id, ...job }: Numbered<CryptoJob>): Promise<void> {
  const result = await run(job).catch((error: unknown) => ({
    failure: error instanceof Error ? error.message : String(error),
  }));
  process.send?.({ id, ...result } satisfies Numbered<CryptoResult>);
}

async function run(job: CryptoJob): Promise<CryptoResult> {
  if ('datagram' in job) return { opened: await openLogin(job.datagram, job) };
  const { password, phc } = job;
  return phc === undefined ? { phc: await hashPassword(password) } : { isRight: await isPasswordOf(password, phc) };
}
