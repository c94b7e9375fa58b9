/**
 * Who may fetch a publication, in SQL: one condition for every place that asks, and what a change of rights or of a group revokes.
 * Nobody is told what `mayFetch` leaves out, so it stands in the statement itself: hidden rows never come out of the store.
 */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Rights } from '../../common/protocol/messages.js';
import { dialectOf } from './dialect.js';
import { accountOf, foldUser } from './fold-user.js';
import { revoke } from './revoke.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** Rights with names looked up. */
export type ResolvedRights =
  | { readonly kind: 'public' }
  | { readonly kind: 'limited'; readonly accounts: readonly number[]; readonly groups: readonly number[] };

/** True for rows `p` of publications that `viewer` may fetch: own, or public or listed by name or by group, and not over. */
export function mayFetch(viewer: string): RawBuilder<boolean> {
  return visibleTo(accountOf(viewer));
}

export function visibleTo(account: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`((p.is_public = 1 AND p.ended IS NULL) OR p.account_id = ${account} OR ((p.is_public = 1
      OR EXISTS (SELECT 1 FROM publication_users AS vu WHERE vu.row_id = p.row_id AND vu.account_id = ${account})
      OR EXISTS (SELECT 1 FROM publication_groups AS vg JOIN group_members AS vm ON vm.group_id = vg.group_id
        WHERE vg.row_id = p.row_id AND vm.account_id = ${account}))
    AND (p.ended IS NULL OR (p.ended = 'burned' AND EXISTS (SELECT 1 FROM counted_downloads AS vc
      WHERE vc.row_id = p.row_id AND vc.account_id = ${account})))))`;
}

/** True for an account that runs a depot which is to have a copy of `publication`: it may fetch and serve it without reading. */
export function isDepotOf(publication: RawBuilder<unknown>, account: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`EXISTS (SELECT 1 FROM copies AS dc JOIN devices AS dd ON dd.id = dc.device_id
    WHERE dc.publication_id = ${publication} AND dd.account_id = ${account})`;
}

export async function resolveRights(db: Db, rights: Rights): Promise<ResolvedRights | 'unknown-name'> {
  if (rights === 'public') return { kind: 'public' };
  const users = [...new Set(rights.users.map(foldUser))];
  const groups = [...new Set(rights.groups.map(foldUser))];
  const accountRows =
    users.length === 0
      ? []
      : await db
          .selectFrom('accounts')
          .select('id')
          .where('user_fold', 'in', users)
          .where('state', '!=', 'removed')
          .execute();
  const groupRows =
    groups.length === 0 ? [] : await db.selectFrom('groups').select('id').where('fold', 'in', groups).execute();
  if (accountRows.length < users.length || groupRows.length < groups.length) return 'unknown-name';
  return { kind: 'limited', accounts: accountRows.map(({ id }) => id), groups: groupRows.map(({ id }) => id) };
}

/** Replaces the rights of one publication, and revokes what is out to users who lost it. */
export async function setRights(
  db: Db,
  publicationId: string,
  { rights, at }: { readonly rights: ResolvedRights; readonly at: number },
): Promise<void> {
  const { row_id } = await db
    .updateTable('publications')
    .set({ is_public: rights.kind === 'public' ? 1 : 0 })
    .where('publication_id', '=', publicationId)
    .returning('row_id')
    .executeTakeFirstOrThrow();
  await db.deleteFrom('publication_users').where('row_id', '=', row_id).execute();
  await db.deleteFrom('publication_groups').where('row_id', '=', row_id).execute();
  if (rights.kind === 'public') return;
  const users = rights.accounts.map((account_id) => ({ row_id, account_id }));
  const groups = rights.groups.map((group_id) => ({ row_id, group_id }));
  if (users.length > 0) await db.insertInto('publication_users').values(users).execute();
  if (groups.length > 0) await db.insertInto('publication_groups').values(groups).execute();
  await revokeLost(db, sql`p.row_id = ${row_id}`, at);
  await keepFromUnnamed(db, publicationId);
}

/**
 * After a change of content or rights: what is not public and not yet stored does not go to depots that were chosen when it was public.
 * Their operators could read it.
 */
export async function keepFromUnnamed(db: Db, publicationId: string): Promise<void> {
  await sql`UPDATE copies SET wanted_file = NULL, size = 0
    WHERE publication_id = ${publicationId} AND is_named = 0 AND wanted_file IS DISTINCT FROM held_file
    AND EXISTS (SELECT 1 FROM publications AS p JOIN devices AS d ON d.id = copies.device_id
      WHERE p.publication_id = copies.publication_id AND p.is_public = 0 AND NOT ${visibleTo(sql`d.account_id`)})`.execute(
    db,
  );
}

/** Revokes every ticket within `scope` (a condition on publications `p` and tickets `t`) whose user may not fetch any more. */
export async function revokeLost(db: Db, scope: RawBuilder<unknown>, at: number): Promise<void> {
  const { rows } = await lostTickets(scope).execute(db);
  await revokeAll(db, rows, at);
}

interface LostTicket {
  readonly publication_id: string;
  readonly user: string;
  readonly user_fold: string;
}

/** Of tickets `t` of accounts `a`: the user was shut out before it was written, which the node that gave it may not have heard of. */
export const IS_SHUT_OUT: RawBuilder<boolean> = sql`(a.state <> 'active'
  OR EXISTS (SELECT 1 FROM bans AS b WHERE b.kind = 'user' AND b.fold = a.user_fold AND (b.until IS NULL OR b.until > t.at))
  OR EXISTS (SELECT 1 FROM bans AS b JOIN groups AS g ON g.fold = b.fold JOIN group_members AS m ON m.group_id = g.id
    WHERE b.kind = 'group' AND m.account_id = a.id AND (b.until IS NULL OR b.until > t.at)))`;

/** Tickets within `scope`, as above, of users who may not fetch any more, or are `out`. */
export function lostTickets(scope: RawBuilder<unknown>, out: RawBuilder<boolean> = sql`FALSE`): RawBuilder<LostTicket> {
  return sql<LostTicket>`SELECT DISTINCT t.publication_id, a.user, t.user_fold FROM tickets AS t
    JOIN publications AS p ON p.publication_id = t.publication_id JOIN accounts AS a ON a.user_fold = t.user_fold
    WHERE ${scope} AND (${out} OR (NOT ${visibleTo(sql`a.id`)} AND NOT ${isDepotOf(sql`p.publication_id`, sql`a.id`)}))`;
}

export async function revokeAll(db: Db, tickets: readonly LostTicket[], at: number): Promise<void> {
  for (const { publication_id, user, user_fold } of tickets) {
    await revoke(db, { kind: 'publication', subject: publication_id, user, at });
    await db
      .deleteFrom('tickets')
      .where('publication_id', '=', publication_id)
      .where('user_fold', '=', user_fold)
      .execute();
  }
}

/** See `Store.countPublications`; `only` narrows to these ids. */
export async function countVisible(
  db: Db,
  device: { readonly id: number; readonly publications: number },
  { viewer, only }: { readonly viewer: string; readonly only: readonly string[] | undefined },
): Promise<number> {
  if (only === undefined) {
    const hidden = await sql<{ count: number }>`SELECT count(*) AS count FROM publications AS p
      WHERE p.device_id = ${device.id} AND (p.is_public = 0 OR p.ended IS NOT NULL) AND NOT ${mayFetch(viewer)}`.execute(
      db,
    );
    return device.publications - (hidden.rows[0]?.count ?? 0);
  }
  const shown = await sql<{ count: number }>`SELECT count(*) AS count FROM publications AS p
    WHERE p.device_id = ${device.id} AND p.publication_id IN (${dialectOf(db).rowsOf(only, 'text')})
    AND ${mayFetch(viewer)}`.execute(db);
  return shown.rows[0]?.count ?? 0;
}
