/** Accounts, devices and revocations in SQL. Every function runs inside a step of the engine. */
import type { Kysely } from 'kysely';
import { foldUser } from './fold-user.js';
import { prepared } from './prepared.js';
import { revoke } from './revoke.js';
import { countVisible } from './rights-table.js';
import type { Account, AccountChange, DeviceKey, LoginFacts, NewAccount, ResumeFacts } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

export async function addAccounts(db: Db, accounts: readonly NewAccount[]): Promise<string[]> {
  const added: string[] = [];
  for (const account of accounts) {
    const rows = await insertUnseen(db, accountValues(account));
    if (rows.length === 1) added.push(account.user);
  }
  return added;
}

const insertUnseen = prepared((db, row: ReturnType<typeof accountValues>) => {
  const { user, user_fold, password_hash, state, generation, publications, created_at, is_admin, is_depot } = row;
  return db
    .insertInto('accounts')
    .values({ user, user_fold, password_hash, state, generation, publications, created_at, is_admin, is_depot })
    .onConflict((conflict) => conflict.column('user_fold').doNothing())
    .returning('id')
    .compile();
});

export async function unseenUsers(db: Db, users: readonly string[]): Promise<string[]> {
  const rows = await db.selectFrom('accounts').select('user_fold').execute();
  const seen = new Set(rows.map(({ user_fold }) => user_fold));
  return users.filter((user) => !seen.has(foldUser(user)));
}

export async function createAccount(db: Db, account: NewAccount): Promise<boolean> {
  const { generation: _unused, ...values } = accountValues(account);
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('accounts')
    .values(accountValues(account))
    .onConflict((conflict) =>
      conflict
        .column('user_fold')
        .doUpdateSet({ ...values, paths: 0 }) // older versions left a wrong number
        .where('accounts.state', '=', 'removed'),
    )
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

function accountValues({ user, passwordHash, at }: NewAccount) {
  const names = { user, user_fold: foldUser(user) };
  return {
    ...names,
    password_hash: passwordHash,
    state: 'active' as const,
    generation: 1,
    publications: 0,
    created_at: at,
    is_admin: 0, // also for a name that was removed and comes back
    is_depot: 0,
  };
}

export async function findAccount(db: Db, user: string): Promise<Account | undefined> {
  const [row] = await selectPresent(db, { fold: foldUser(user) });
  return row === undefined ? undefined : toAccount(row);
}

const selectPresent = prepared((db, { fold }: { fold: string }) => present(db).where('user_fold', '=', fold).compile());

export async function listAccounts(db: Db): Promise<Account[]> {
  return (await present(db).orderBy('user_fold').execute()).map(toAccount);
}

function present(db: Db) {
  return db.selectFrom('accounts').selectAll().where('state', '!=', 'removed');
}

function toAccount(row: {
  user: string;
  password_hash: string;
  state: string;
  generation: number;
  created_at: number;
  publications: number;
  is_admin: number;
  is_depot: number;
}): Account {
  return {
    user: row.user,
    passwordHash: row.password_hash,
    state: row.state === 'active' ? 'active' : 'disabled',
    generation: row.generation,
    createdAt: row.created_at,
    publications: row.publications,
    isAdmin: row.is_admin === 1,
    isDepot: row.is_depot === 1,
  };
}

export async function changeAccount(
  db: Db,
  user: string,
  { change, at }: { change: AccountChange; at: number },
): Promise<Account | undefined> {
  const fold = foldUser(user);
  const before = await findAccount(db, fold);
  if (before === undefined) return undefined;
  if (change.kind === 'enable') {
    await db.updateTable('accounts').set({ state: 'active' }).where('user_fold', '=', fold).execute();
    return { ...before, state: 'active' };
  }
  const epoch = await revoke(db, { kind: 'user', subject: before.user, at });
  // Above any that there was, also before the store was put back to an older day: epochs go on from higher numbers then.
  const generation = Math.max(before.generation + 1, epoch);
  await db
    .updateTable('accounts')
    .set({ ...columnsOf(change), generation })
    .where('user_fold', '=', fold)
    .execute();
  if (change.kind === 'remove') await removeBelongings(db, fold);
  return (await findAccount(db, fold)) ?? { ...before, state: 'disabled', generation };
}

function columnsOf(change: Exclude<AccountChange, { kind: 'enable' }>) {
  if (change.kind === 'password') return { password_hash: change.passwordHash };
  if (change.kind === 'disable') return { state: 'disabled' as const };
  return { state: 'removed' as const, password_hash: '', publications: 0, is_admin: 0 }; // with its folders `paths` goes
}

async function removeBelongings(db: Db, fold: string): Promise<void> {
  const account = db.selectFrom('accounts').select('id').where('user_fold', '=', fold);
  await db.deleteFrom('publications').where('account_id', 'in', account).execute();
  await db.deleteFrom('devices').where('account_id', 'in', account).execute();
  // The name may be given to somebody else one day, who must not inherit these.
  await db.deleteFrom('publication_users').where('account_id', 'in', account).execute();
  await db.deleteFrom('group_members').where('account_id', 'in', account).execute();
  await db.deleteFrom('unlocks').where('account_id', 'in', account).execute();
  await db.deleteFrom('counted_downloads').where('account_id', 'in', account).execute();
  await db.deleteFrom('tickets').where('user_fold', '=', fold).execute();
}

export async function loginFacts(db: Db, user: string, device: string): Promise<LoginFacts> {
  const row = await deviceRow(db, { user, device });
  const isKnownDevice = row !== undefined && row.last_login_at !== null;
  return { account: await findAccount(db, user), isKnownDevice, libraryRevision: row?.revision ?? 0 };
}

export async function recordLogin(db: Db, login: DeviceKey & { readonly at: number }): Promise<void> {
  await upsertDevice(db, login, { last_login_at: login.at, last_seen_at: login.at });
}

export async function resumeFacts(db: Db, resume: DeviceKey & { readonly session: string }): Promise<ResumeFacts> {
  const ended = await selectEnded(db, resume);
  const row = await deviceRow(db, resume);
  return {
    account: await findAccount(db, resume.user),
    isEnded: ended.length > 0,
    libraryRevision: row?.revision ?? 0,
  };
}

const selectEnded = prepared((db, { session }: { session: string }) =>
  db.selectFrom('ended_sessions').select('at').where('session', '=', session).compile(),
);

/** Id and counters of the device; made when it is not there. @throws when the account is gone. */
export async function deviceOf(
  db: Db,
  key: DeviceKey,
): Promise<{ id: number; account_id: number; revision: number; publications: number }> {
  return (await deviceRow(db, key)) ?? (await upsertDevice(db, key, {}));
}

async function deviceRow(db: Db, { user, device }: DeviceKey) {
  const [row] = await selectDevice(db, { fold: foldUser(user), device });
  return row;
}

const selectDevice = prepared((db, { fold, device }: { fold: string; device: string }) =>
  db
    .selectFrom('devices')
    .innerJoin('accounts', 'accounts.id', 'devices.account_id')
    .selectAll('devices')
    .where('accounts.user_fold', '=', fold)
    .where('pin', '=', device)
    .compile(),
);

async function upsertDevice(
  db: Db,
  { user, device }: DeviceKey,
  times: { last_login_at?: number; last_seen_at?: number },
) {
  const account = await db
    .selectFrom('accounts')
    .select('id')
    .where('user_fold', '=', foldUser(user))
    .executeTakeFirstOrThrow();
  const fresh = {
    account_id: account.id,
    pin: device,
    revision: 0,
    publications: 0,
    last_login_at: null,
    last_seen_at: null,
  };
  return db
    .insertInto('devices')
    .values({ ...fresh, ...times })
    .onConflict((conflict) => conflict.columns(['account_id', 'pin']).doUpdateSet({ pin: device, ...times }))
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function recordSeen(db: Db, devices: readonly DeviceKey[], at: number): Promise<void> {
  for (const { user, device } of devices) {
    const account = db.selectFrom('accounts').select('id').where('user_fold', '=', foldUser(user));
    await db
      .updateTable('devices')
      .set({ last_seen_at: at })
      .where('account_id', 'in', account)
      .where('pin', '=', device)
      .execute();
  }
}

export async function countPublications(
  db: Db,
  devices: readonly (DeviceKey & { readonly only?: readonly string[] })[],
  viewer: string,
): Promise<number[]> {
  const counts: number[] = [];
  for (const key of devices) {
    const device = await deviceRow(db, key);
    counts.push(device === undefined ? 0 : await countVisible(db, device, { viewer, only: key.only }));
  }
  return counts;
}
