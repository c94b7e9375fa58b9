/** Bans, limits and admin rights in SQL. */
import type { Kysely } from 'kysely';
import { foldUser } from './fold-user.js';
import { revoke } from './revoke.js';
import type { PolicyChange, PolicyState } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** A tracker that runs beside looks at the policy again; also when it has not changed itself, but who is in a group. */
export async function notePolicy(db: Db, counter: 'policy' | 'reload' = 'policy'): Promise<void> {
  await db
    .updateTable('counters')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('name', '=', counter)
    .execute();
}

/** False: there is no such user or group, and nothing was changed. */
export async function changePolicy(db: Db, change: PolicyChange, at: number): Promise<boolean> {
  if (!(await apply(db, change, at))) return false;
  await notePolicy(db);
  return true;
}

async function apply(db: Db, change: PolicyChange, at: number): Promise<boolean> {
  switch (change.do) {
    case 'ban':
      return ban(db, change, at);
    case 'unban':
      await db
        .deleteFrom('bans')
        .where('kind', '=', change.kind)
        .where('fold', '=', foldUser(change.subject))
        .execute();
      return true;
    case 'limit':
      return limit(db, change);
    case 'grant':
      return grant(db, change);
    case 'reload':
      await notePolicy(db, 'reload');
      return true;
  }
}

async function ban(db: Db, change: PolicyChange & { do: 'ban' }, at: number): Promise<boolean> {
  const { kind, subject, reason = '', until = null } = change;
  const spelt = kind === 'network' ? subject : await spellingOf(db, kind, subject);
  if (spelt === undefined) return false;
  const fold = foldUser(spelt);
  const values = { subject: spelt, reason, until, at };
  await db
    .insertInto('bans')
    .values({ kind, fold, ...values })
    .onConflict((conflict) => conflict.columns(['kind', 'fold']).doUpdateSet(values))
    .execute();
  const users = kind === 'user' ? [spelt] : kind === 'group' ? await membersOf(db, fold) : [];
  // Sources refuse the tickets there are; those given after a ban has ended are newer than it.
  for (const user of users) await revoke(db, { kind: 'user', subject: user, at });
  return true;
}

async function limit(db: Db, change: PolicyChange & { do: 'limit' }): Promise<boolean> {
  const { kind, subject, limit: name, value } = change;
  const spelt = await spellingOf(db, kind, subject);
  if (spelt === undefined) return false;
  const fold = foldUser(spelt);
  if (value === undefined) {
    await db.deleteFrom('limits').where('kind', '=', kind).where('fold', '=', fold).where('name', '=', name).execute();
    return true;
  }
  await db
    .insertInto('limits')
    .values({ kind, fold, name, subject: spelt, value })
    .onConflict((conflict) => conflict.columns(['kind', 'fold', 'name']).doUpdateSet({ value }))
    .execute();
  return true;
}

async function grant(db: Db, { user, admin }: PolicyChange & { do: 'grant' }): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('accounts')
    .set({ is_admin: Number(admin) })
    .where('user_fold', '=', foldUser(user))
    .where('state', '!=', 'removed')
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** As the account or group spells it. */
async function spellingOf(db: Db, kind: 'user' | 'group', subject: string): Promise<string | undefined> {
  const fold = foldUser(subject);
  const row =
    kind === 'group'
      ? await db.selectFrom('groups').select('name').where('fold', '=', fold).executeTakeFirst()
      : await db
          .selectFrom('accounts')
          .select('user as name')
          .where('user_fold', '=', fold)
          .where('state', '!=', 'removed')
          .executeTakeFirst();
  return row?.name;
}

async function membersOf(db: Db, fold: string): Promise<string[]> {
  const rows = await db
    .selectFrom('group_members as m')
    .innerJoin('groups as g', 'g.id', 'm.group_id')
    .innerJoin('accounts as a', 'a.id', 'm.account_id')
    .select('a.user')
    .where('g.fold', '=', fold)
    .execute();
  return rows.map(({ user }) => user);
}

/** Undefined: it is still that of `revision`. */
export async function policy(db: Db, revision: number): Promise<PolicyState | undefined> {
  const counters = await db.selectFrom('counters').selectAll().where('name', 'in', ['policy', 'reload']).execute();
  const counter = (name: string): number => counters.find((row) => row.name === name)?.value ?? 0;
  if (counter('policy') === revision) return undefined;
  const bans = await db.selectFrom('bans').selectAll().orderBy('kind').orderBy('fold').execute();
  const limits = await db.selectFrom('limits').selectAll().orderBy('kind').orderBy('fold').orderBy('name').execute();
  const groups = new Set([...bans, ...limits].filter(({ kind }) => kind === 'group').map(({ fold }) => fold));
  const members: Record<string, string[]> = {};
  for (const group of groups) members[group] = (await membersOf(db, group)).map(foldUser);
  return {
    revision: counter('policy'),
    reloads: counter('reload'),
    bans: bans.map(({ fold: _fold, until, ...ban }) => ({ ...ban, until: until ?? undefined })),
    limits: limits.map(({ kind, subject, name, value }) => ({ kind, subject, name, value })),
    members,
  };
}
