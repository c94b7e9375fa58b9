/** `shoal tracker --depot DIR`: the account of the depot that runs in this process, and where it meets the tracker. */
import { randomBytes } from 'node:crypto';
import { readFile, statfs } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { ensurePrivateDir, writeFileDurably } from '../../common/runtime/files.js';
import { ownCommand } from '../../common/runtime/own-command.js';
import type { PasswordHasher } from '../auth/crypto-process.js';
import type { Store } from '../store/store.js';
import { CliError, EXIT } from './process.js';

export const OWN_DEPOT_USER = 'depot';
/** Of the disk, when nobody said how much: the rest is left to others. */
const DEFAULT_SHARE = 0.9;
const PASSWORD_BYTES = 32;

interface Parts {
  readonly store: Store;
  readonly hasher: PasswordHasher;
  /** ms since epoch. */
  readonly now: number;
}

/** The depot's password; its account is made at the first start. @throws {CliError} `in-use` when a person has that name. */
export async function prepareDepotAccount(dir: string, { store, hasher, now }: Parts): Promise<string> {
  await ensurePrivateDir(dir);
  const path = join(dir, 'password');
  const known = await readFile(path, 'utf8').catch(() => undefined);
  const account = await store.findAccount(OWN_DEPOT_USER);
  if (account !== undefined && !account.isDepot)
    throw new CliError(
      `there is a user ${OWN_DEPOT_USER} that is no depot, and --depot needs that name. Appoint it with: ${ownCommand(`user appoint ${OWN_DEPOT_USER}`)}`,
      { code: 'in-use', exitCode: EXIT.failed },
    );
  if (account !== undefined && known !== undefined) return known;
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  await writeFileDurably(path, password);
  const passwordHash = await hasher.hash(password);
  if (account === undefined) await store.createAccount({ user: OWN_DEPOT_USER, passwordHash, at: now });
  else await store.changeAccount(OWN_DEPOT_USER, { kind: 'password', passwordHash }, now);
  await store.appointDepot(OWN_DEPOT_USER, true, now);
  return password;
}

/** Bytes that a depot in `dir` offers when nobody said how many. */
export async function defaultDepotSize(dir: string): Promise<number> {
  const { blocks, bsize } = await statfs(dir);
  return Math.floor(blocks * bsize * DEFAULT_SHARE);
}

/**
 * Where the depot meets its tracker. The address it is seen at is the one that others are told, so it must be one that they reach; behind
 * `--advertise` that is the advertised host, which stands for loopback.
 */
export function meetingHost(host: string, advertise: string | undefined): string {
  if (host !== '0.0.0.0' && host !== '::') return host;
  if (advertise !== undefined) return '127.0.0.1';
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}
