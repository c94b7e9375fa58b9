/** What may be lost soon: publications with one holder, or whose holders were not seen for long. */
import { type Kysely, sql } from 'kysely';
import type { AtRiskQuery, RiskRow } from './depot-store.js';
import { foldUser } from './fold-user.js';
import { inOrder, toRow } from './publication-rows.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** Whole copies of what the publication `p` is now, at depots that are still appointed. */
const copies = sql`SELECT cd.last_seen_at FROM copies AS c JOIN devices AS cd ON cd.id = c.device_id
  JOIN accounts AS ca ON ca.id = cd.account_id AND ca.is_depot = 1 AND ca.state = 'active'
  WHERE c.publication_id = p.publication_id AND c.held_file = p.file_id`;
const holders = sql<number>`(1 + (SELECT count(*) FROM (${copies}) AS held))`;
/** When the holder that was seen last was seen. */
const seenAt = sql<number>`coalesce((SELECT max(last_seen_at) FROM (SELECT d.last_seen_at UNION ALL ${copies}) AS seen), 0)`;

export async function atRisk(db: Db, query: AtRiskQuery): Promise<RiskRow[]> {
  const { viewer, mine, unseenBefore, limit, after } = query;
  const key = after && { value: after.publishedAt, publicationId: after.publicationId };
  const ordered = await inOrder(db, { order: 'newest', limit, after: key, viewer });
  let rows = ordered
    .select([holders.as('holders'), seenAt.as('holder_seen_at')])
    .where(sql<boolean>`(${holders} = 1 OR ${seenAt} < ${unseenBefore})`);
  if (mine) rows = rows.where('a.user_fold', '=', foldUser(viewer));
  const found = await rows.execute();
  return found.map((row) => ({
    ...toRow(row),
    lastSeenAt: row.holder_seen_at === 0 ? undefined : row.holder_seen_at,
    holders: row.holders,
  }));
}
