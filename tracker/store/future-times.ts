/**
 * What a tracker wrote while its clock was far ahead. All later publications get that time too, see `row-order.ts`, and a passcode that was
 * given then opens its publication for years. Nothing of it is changed unasked: it may be the present clock that is wrong.
 */
import type { DatabaseSync } from 'node:sqlite';

/** Clocks differ by so much, ms, and nobody minds. */
const TOLERATED_MS = 60_000;
/** A clock that stands before this program was written is the one that is wrong. */
const WRITTEN_AT = Date.UTC(2026, 0, 1);
/** What was given then counts from now. Sessions that ended then stay ended for as long as their tokens are good. */
const GIVEN = ['unlocks', 'counted_downloads', 'tickets'];

/** When the last publication was published, if that has not come yet; ms since epoch, as `now` is. Found without looking at the others. */
export function futureTime(database: DatabaseSync, now: number): number | undefined {
  const last = database.prepare('SELECT published_at AS at FROM publications ORDER BY row_id DESC LIMIT 1').get();
  const at = Number(last?.['at'] ?? 0);
  return at > now + TOLERATED_MS ? at : undefined;
}

/** Brings these times back to `now` at the latest, in the same order. Returns of how many publications. */
export function bringBack(database: DatabaseSync, now: number): number {
  if (now < WRITTEN_AT || futureTime(database, now) === undefined) return 0;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const table of GIVEN)
      database.prepare(`UPDATE ${table} SET at = ?1 WHERE at > ?1 + ?2`).run(now, TOLERATED_MS);
    const rows = bringRowsBack(database, now);
    database.exec('COMMIT');
    return rows;
  } finally {
    if (database.isTransaction) database.exec('ROLLBACK');
  }
}

/** Behind the row before them. */
function bringRowsBack(database: DatabaseSync, now: number): number {
  const { first, rows } = database
    .prepare('SELECT min(row_id) AS first, count(*) AS rows FROM publications WHERE published_at > ?')
    .get(now + TOLERATED_MS) as { first: number; rows: number };
  const before = database
    .prepare('SELECT published_at AS at FROM publications WHERE row_id < ? ORDER BY row_id DESC LIMIT 1')
    .get(first)?.['at'];
  const base = Math.max(Number(before ?? -1) + 1, now - (rows - 1));
  database
    .prepare(`UPDATE publications SET published_at = ? + o.place FROM (SELECT row_id,
      row_number() OVER (ORDER BY row_id) - 1 AS place FROM publications WHERE row_id >= ?) AS o WHERE o.row_id = publications.row_id`)
    .run(base, first);
  return rows;
}
