/** `shoal user …`: manages accounts in the store, also while a tracker runs on it. */
import { resolve } from 'node:path';
import { checkUserName } from '../../common/content/file-name.js';
import { ownCommand } from '../../common/runtime/own-command.js';
import { readCredentials } from '../auth/credentials-file.js';
import { CryptoProcess } from '../auth/crypto-process.js';
import { importAccounts } from '../auth/import-accounts.js';
import type { AccountChange, Store } from '../store/store.js';
import { takePassword } from './password.js';
import { CliError, type CliProcess, EXIT, type Output } from './process.js';
import { noteInAudit, type StoreFlags, withNewStore, withStore } from './with-store.js';

export interface UserFlags extends StoreFlags {
  readonly passwordFile?: string;
}

interface Work {
  readonly store: Store;
  readonly output: Output;
}

export function addUser(user: string, flags: UserFlags, process: CliProcess): Promise<void> {
  return withNewStore(flags, process, async ({ store, output }) => {
    const problem = checkUserName(user);
    if (problem !== undefined) throw new CliError(problem.message, { code: 'bad-name', exitCode: EXIT.failed });
    if ((await store.findAccount(user)) !== undefined) throw inUse(user);
    const passwordHash = await newHash(user, flags, process);
    if (!(await store.createAccount({ user, passwordHash, at: now(process) }))) throw inUse(user);
    await noteInAudit(store, process, { subject: user, detail: 'user add' });
    output.say({ event: 'result', user, change: 'added' }, `${user} added`);
  });
}

export function changePassword(user: string, flags: UserFlags, process: CliProcess): Promise<void> {
  return withStore(flags, process, async (work) => {
    if ((await work.store.findAccount(user)) === undefined) throw unknown(user);
    const passwordHash = await newHash(user, flags, process);
    await change(
      user,
      { kind: 'password', passwordHash },
      { work, process, done: 'has a new password; all sessions of this user have ended' },
    );
  });
}

const DONE = {
  disable: 'disabled; all sessions of this user have ended',
  enable: 'enabled',
  remove: 'removed with everything this user has published',
} as const;

export function changeState(
  kind: keyof typeof DONE,
  user: string,
  { flags, process }: { flags: UserFlags; process: CliProcess },
): Promise<void> {
  return withStore(flags, process, (work) => change(user, { kind }, { work, process, done: DONE[kind] }));
}

/** Whether the user may run a depot; takes effect at once, also while the tracker runs. */
export function appoint(
  user: string,
  isDepot: boolean,
  { flags, process }: { flags: UserFlags; process: CliProcess },
): Promise<void> {
  return withStore(flags, process, async ({ store, output }) => {
    if (!(await store.appointDepot(user, isDepot, now(process)))) throw unknown(user);
    await noteInAudit(store, process, { subject: user, detail: isDepot ? 'appoint' : 'dismiss' });
    const done = isDepot
      ? `may run a depot now: shoal serve --user ${user} --depot SIZE`
      : 'is no depot any more; nothing new is stored there, and what it has is not offered any longer';
    output.say({ event: 'result', user, change: isDepot ? 'appointed' : 'dismissed' }, `${user} ${done}`);
  });
}

export function listUsers(flags: UserFlags, process: CliProcess): Promise<void> {
  return withStore(flags, process, async ({ store, output }) => {
    const accounts = (await store.listAccounts()).map(({ user, state, publications, createdAt, isDepot }) => ({
      user,
      state,
      publications,
      createdAt,
      isDepot,
    }));
    const lines = accounts.map(
      ({ user, state, publications, isDepot }) =>
        `${user}${state === 'disabled' ? ' (disabled)' : ''}${isDepot ? ' (depot)' : ''}: ${count(publications, 'publication')}`,
    );
    output.say(
      { event: 'result', users: accounts },
      lines.length === 0 ? `No users. Add one: ${ownCommand('user add NAME')}` : lines.join('\n'),
    );
  });
}

export function importUsers(file: string, flags: UserFlags, process: CliProcess): Promise<void> {
  return withNewStore(flags, process, async ({ store, output }) => {
    const credentials = await readCredentials(resolve(process.host.cwd, file));
    const hasher = new CryptoProcess();
    try {
      const added = await importAccounts(credentials, { store, hasher, clock: process.clock });
      await noteInAudit(store, process, ...added.map((user) => ({ subject: user, detail: 'user add' })));
      const known = credentials.length - added.length;
      output.say(
        { event: 'result', added, known },
        `${count(added.length, 'user')} added, ${known} known already and left as they are`,
      );
    } finally {
      await hasher.stop();
    }
  });
}

async function change(
  user: string,
  what: AccountChange,
  { work, process, done }: { work: Work; process: CliProcess; done: string },
): Promise<void> {
  const account = await work.store.changeAccount(user, what, now(process));
  if (account === undefined) throw unknown(user);
  await noteInAudit(work.store, process, { subject: account.user, detail: `user ${what.kind}` });
  work.output.say({ event: 'result', user: account.user, change: what.kind }, `${account.user} ${done}`);
}

async function newHash(user: string, { passwordFile }: UserFlags, process: CliProcess): Promise<string> {
  const password = await takePassword(user, passwordFile, process);
  const hasher = new CryptoProcess();
  try {
    return await hasher.hash(password);
  } finally {
    await hasher.stop();
  }
}

function now({ clock }: CliProcess): number {
  return Math.floor(clock.now());
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function inUse(user: string): CliError {
  return new CliError(
    `there is a user ${user} already. Change the password with: ${ownCommand(`user passwd ${user}`)}`,
    {
      code: 'in-use',
      exitCode: EXIT.failed,
    },
  );
}

function unknown(user: string): CliError {
  return new CliError(`there is no user ${user}. See who there is with: ${ownCommand('user list')}`, {
    code: 'not-found',
    exitCode: EXIT.notFound,
  });
}
