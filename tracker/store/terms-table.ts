/** Terms of publications in SQL: how they change, and when they end one. */
import { type Kysely, sql } from 'kysely';
import { FREE_RETRIES_MS } from '../../common/protocol/limits.js';
import type { Terms } from '../../common/protocol/messages.js';
import { revoke } from './revoke.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** Changes what `terms` names; call `expire` after it. Who got in by an earlier passcode must give the new one; downloads are counted anew. */
export async function setTerms(
  db: Db,
  publicationId: string,
  { terms, at }: { readonly terms: Terms; readonly at: number },
): Promise<void> {
  const { row_id, passcode_hash } = await db
    .selectFrom('publications')
    .select(['row_id', 'passcode_hash'])
    .where('publication_id', '=', publicationId)
    .executeTakeFirstOrThrow();
  const { passcodeHash, expiresAt, downloads } = terms;
  if (passcodeHash !== undefined && passcodeHash !== passcode_hash) {
    await db.updateTable('publications').set({ passcode_hash: passcodeHash }).where('row_id', '=', row_id).execute();
    await db.deleteFrom('unlocks').where('row_id', '=', row_id).execute();
    if (passcodeHash !== null) await revokeAll(db, publicationId, at);
  }
  if (expiresAt !== undefined)
    await db.updateTable('publications').set({ expires_at: expiresAt }).where('row_id', '=', row_id).execute();
  if (downloads !== undefined) {
    const limit = { max_downloads: downloads?.most ?? null, burns: downloads?.burn === true ? 1 : 0, downloads: 0 };
    await db.updateTable('publications').set(limit).where('row_id', '=', row_id).execute();
    await db.deleteFrom('counted_downloads').where('row_id', '=', row_id).execute();
  }
  // What ended it may have been taken away. What ends it now is for `expire` to say, with the revocation that belongs to it.
  await sql`UPDATE publications SET ended = CASE WHEN ended = 'expired' AND expires_at <= ${at} THEN 'expired'
    WHEN burns = 1 AND downloads >= max_downloads THEN 'burned' END WHERE row_id = ${row_id}`.execute(db);
}

/** See `Store.expire`. */
export async function expire(db: Db, at: number): Promise<void> {
  const { rows } = await sql<{ publication_id: string }>`UPDATE publications SET ended = 'expired'
    WHERE expires_at IS NOT NULL AND ended IS DISTINCT FROM 'expired' AND expires_at <= ${at} RETURNING publication_id`.execute(
    db,
  );
  for (const { publication_id } of rows) await revokeAll(db, publication_id, at);
  const before = at - FREE_RETRIES_MS;
  await db.deleteFrom('unlocks').where('at', '<=', before).execute();
  await db.deleteFrom('counted_downloads').where('at', '<=', before).execute();
}

/** Tickets that are out end for everybody; nothing is said when there are none. */
async function revokeAll(db: Db, publicationId: string, at: number): Promise<void> {
  const ticket = await db
    .selectFrom('tickets')
    .select('at')
    .where('publication_id', '=', publicationId)
    .executeTakeFirst();
  if (ticket !== undefined) await revoke(db, { kind: 'publication', subject: publicationId, at });
}
