/** Groups of users in SQL. Whoever leaves one loses what was shared with it, in the same step. */
import { type Kysely, sql } from 'kysely';
import { dialectOf } from './dialect.js';
import { foldUser } from './fold-user.js';
import { notePolicy } from './policy-table.js';
import { revoke } from './revoke.js';
import { revokeLost } from './rights-table.js';
import type { Group, MembersChange } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

export async function addGroup(db: Db, group: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('groups')
    .values({ name: group, fold: foldUser(group) })
    .onConflict((conflict) => conflict.column('fold').doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

export async function removeGroup(db: Db, group: string, at: number): Promise<boolean> {
  const found = await groupRow(db, group);
  if (found === undefined) return false;
  const given = await db
    .deleteFrom('publication_groups')
    .where('group_id', '=', found.id)
    .returning('row_id')
    .execute();
  await db.deleteFrom('groups').where('id', '=', found.id).execute();
  await notePolicy(db);
  const rows = dialectOf(db).rowsOf(
    given.map(({ row_id }) => row_id),
    'bigint',
  );
  await revokeLost(db, sql`p.row_id IN (${rows})`, at);
  return true;
}

export async function listGroups(db: Db): Promise<Group[]> {
  const groups = await db.selectFrom('groups').select(['id', 'name']).orderBy('fold').execute();
  const members = await db
    .selectFrom('group_members as m')
    .innerJoin('accounts as a', 'a.id', 'm.account_id')
    .select(['m.group_id', 'a.user'])
    .orderBy('a.user_fold')
    .execute();
  return groups.map(({ id, name }) => ({
    group: name,
    members: members.filter(({ group_id }) => group_id === id).map(({ user }) => user),
  }));
}

export async function changeMembers(
  db: Db,
  group: string,
  { kind, users, at }: MembersChange,
): Promise<{ unknown: string[] } | undefined> {
  const found = await groupRow(db, group);
  if (found === undefined) return undefined;
  const accounts = await db
    .selectFrom('accounts')
    .select(['id', 'user', 'user_fold'])
    .where('user_fold', 'in', users.map(foldUser))
    .where('state', '!=', 'removed')
    .execute();
  const known = new Set(accounts.map(({ user_fold }) => user_fold));
  const unknown = users.filter((user) => !known.has(foldUser(user)));
  if (unknown.length > 0) return { unknown };
  const isOut = kind === 'join' && (await isBanned(db, group, at));
  for (const { id, user, user_fold } of accounts) {
    if (kind === 'join') {
      const joined = await db
        .insertInto('group_members')
        .values({ group_id: found.id, account_id: id })
        .onConflict((conflict) => conflict.doNothing())
        .returning('account_id')
        .execute();
      if (isOut && joined.length > 0) await revoke(db, { kind: 'user', subject: user, at });
    } else {
      await db.deleteFrom('group_members').where('group_id', '=', found.id).where('account_id', '=', id).execute();
      await revokeLost(db, sql`t.user_fold = ${user_fold}`, at);
    }
  }
  await notePolicy(db);
  return { unknown };
}

/** Whoever joins then is banned like those who were members before: sources refuse the tickets there are. */
async function isBanned(db: Db, group: string, at: number): Promise<boolean> {
  const ban = await db
    .selectFrom('bans')
    .select('until')
    .where('kind', '=', 'group')
    .where('fold', '=', foldUser(group))
    .executeTakeFirst();
  return ban !== undefined && (ban.until === null || ban.until > at);
}

function groupRow(db: Db, group: string): Promise<{ id: number } | undefined> {
  return db.selectFrom('groups').select('id').where('fold', '=', foldUser(group)).executeTakeFirst();
}
