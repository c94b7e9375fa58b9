/** Revocations as they are read, in the order of their epochs. */
import { type Kysely, sql } from 'kysely';
import { foldUser } from './fold-user.js';
import { isDepotOf, mayFetch } from './rights-table.js';
import type { DeviceKey, RevocationPage } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

export async function revocations(
  db: Db,
  since: number,
  { limit, reader }: { readonly limit: number; readonly reader: DeviceKey | undefined },
): Promise<RevocationPage> {
  let rows = db.selectFrom('revocations as r').selectAll('r').where('r.epoch', '>', since);
  if (reader !== undefined) rows = rows.where(concerns(reader));
  const found = await rows.orderBy('r.epoch').limit(limit).execute();
  const { value } = await db
    .selectFrom('counters')
    .select('value')
    .where('name', '=', 'epoch')
    .executeTakeFirstOrThrow();
  return {
    revocations: found.map(({ user, ...row }) => (user === null ? row : { ...row, user })),
    epoch: value,
  };
}

/**
 * Whom a publication is hidden from must not learn from its revocations that it exists, nor who lost it. That all tickets for it have
 * ended is told to every device that had one: it may hold a copy. Its depots hear everything, to obey it.
 */
function concerns({ user, device }: DeviceKey) {
  return sql<boolean>`(r.kind <> 'publication' OR EXISTS (SELECT 1 FROM publications AS p JOIN accounts AS o ON o.id = p.account_id
    WHERE p.publication_id = r.subject AND (o.user_fold = ${foldUser(user)}
      OR EXISTS (SELECT 1 FROM tickets AS t WHERE t.publication_id = r.subject AND t.device = ${device}))
      AND (r.user IS NULL OR ${mayFetch(user)}))
    OR ${isDepotOf(sql`r.subject`, sql`(SELECT id FROM accounts WHERE user_fold = ${foldUser(user)})`)})`;
}
