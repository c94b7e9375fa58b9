/** Who did what, in SQL. Rows are only ever added, and forgotten when they are old. */
import type { Kysely } from 'kysely';
import { foldUser } from './fold-user.js';
import type { AuditEntry, AuditQuery, AuditRow } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** Rows inserted by one statement. */
const BATCH = 500;

export async function recordAudit(db: Db, rows: readonly AuditRow[]): Promise<void> {
  for (let start = 0; start < rows.length; start += BATCH) {
    const values = rows
      .slice(start, start + BATCH)
      .map(({ at, kind, user, device, address, subject, detail, proof }) => ({
        at,
        kind,
        user,
        user_fold: foldUser(user),
        device: device ?? null,
        address: address ?? null,
        subject: subject ?? null,
        detail: detail ?? null,
        proof: proof ?? null,
      }));
    await db.insertInto('audit').values(values).execute();
  }
}

/** Newest first. */
export async function listAudit(
  db: Db,
  { before, kind, user, since, until, limit }: AuditQuery,
): Promise<AuditEntry[]> {
  let query = db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit);
  if (before !== undefined) query = query.where('id', '<', before);
  if (kind !== undefined) query = query.where('kind', '=', kind);
  if (user !== undefined) query = query.where('user_fold', '=', foldUser(user));
  if (since !== undefined) query = query.where('at', '>=', since);
  if (until !== undefined) query = query.where('at', '<', until);
  const rows = await query.execute();
  return rows.map(({ user_fold: _fold, device, address, subject, detail, proof, ...row }) => ({
    ...row,
    device: device ?? undefined,
    address: address ?? undefined,
    subject: subject ?? undefined,
    detail: detail ?? undefined,
    proof: proof ?? undefined,
  }));
}

export async function pruneAudit(db: Db, before: number): Promise<void> {
  await db.deleteFrom('audit').where('at', '<', before).execute();
}
