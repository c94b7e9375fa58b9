/**
 * The packaged `credentials.txt` is public. Attacker: anyone who has read it; beyond loopback he could log in at once. So a tracker
 * that others can reach does not listen while one of these passwords still works.
 */
import { ownCommand } from '../../common/runtime/own-command.js';
import { isLoopback } from '../registry/addresses.js';
import type { Store } from '../store/store.js';
import type { Credential } from './credentials-file.js';
import type { PasswordHasher } from './crypto-process.js';

/** A sample password works and the tracker would be reachable; the message names the accounts and what to do. */
export class SampleAccountsError extends Error {
  override readonly name = 'SampleAccountsError';
}

interface Checked {
  readonly host: string;
  readonly store: Store;
  readonly hasher: PasswordHasher;
}

/** @throws {SampleAccountsError} when `host` is not loopback and a sample account still has its sample password. */
export async function refuseSampleAccounts(
  samples: readonly Credential[],
  { host, store, hasher }: Checked,
): Promise<void> {
  if (isLoopback(host)) return;
  const open: string[] = [];
  for (const { user, secret } of samples) {
    const account = await store.findAccount(user);
    if (account?.state !== 'active' || !('password' in secret)) continue;
    if (await hasher.verify(secret.password, account.passwordHash)) open.push(account.user);
  }
  if (open.length === 0) return;
  const commands = open
    .map((user) => `  ${ownCommand(`user passwd ${user}`)}    or    ${ownCommand(`user remove ${user}`)}`)
    .join('\n');
  throw new SampleAccountsError(
    `will not listen on ${host}: everybody knows the sample password of ${open.join(', ')}. Change it or remove the account first:\n${commands}`,
  );
}
