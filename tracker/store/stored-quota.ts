/** How many bytes of one owner depots may store, in SQL. */
import { type Kysely, sql } from 'kysely';
import type { PublishEntry } from './store.js';
import type { Tables } from './tables.js';

interface Replaced {
  readonly accountId: number;
  readonly publicationId: string;
  /** Undefined: what fits. */
  readonly putQuotaBytes: number | undefined;
}

/** Whether the stored copies of an owner would have too many bytes with `entry` in the place of what the publication is. */
export async function isBeyondStored(
  db: Kysely<Tables>,
  { size, listingSize = 0 }: PublishEntry,
  { accountId, publicationId, putQuotaBytes }: Replaced,
): Promise<boolean> {
  if (putQuotaBytes === undefined) return false;
  const stored =
    await sql`SELECT 1 FROM copies WHERE publication_id = ${publicationId} AND wanted_file IS NOT NULL`.execute(db);
  if (stored.rows.length === 0) return false;
  const { rows } = await sql<{ others: number }>`SELECT coalesce(sum(size), 0) AS others FROM copies
    WHERE owner_id = ${accountId} AND wanted_file IS NOT NULL AND publication_id <> ${publicationId}`.execute(db);
  return Number(rows[0]?.others ?? 0) + stored.rows.length * (size + listingSize) > putQuotaBytes;
}
