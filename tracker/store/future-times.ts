/**
 * What a tracker wrote while its clock was far ahead, brought back when the store is opened with a right one. Else all later publications
 * would get that time, see `row-order.ts`, and a passcode that was given then would open its publication for years.
 */
import type { DatabaseSync } from 'node:sqlite';
import { fromSqlite, isDiskFull } from './store-error.js';

/** Clocks differ by so much, ms, and nobody minds. */
const TOLERATED_MS = 60_000;
/** A clock that stands before this program was written is the one that is wrong. */
const WRITTEN_AT = Date.UTC(2026, 0, 1);
/** What was given then counts from now. Sessions that ended then stay ended for as long as their tokens are good. */
const GIVEN = ['unlocks', 'counted_downloads', 'tickets'];
/** The newest times, each found in an index: a store in which nothing is wrong is opened as quickly as before. */
const NEWEST = `SELECT coalesce((SELECT published_at FROM publications ORDER BY row_id DESC LIMIT 1), 0) AS published,
  max(coalesce((SELECT max(at) FROM unlocks), 0), coalesce((SELECT max(at) FROM counted_downloads), 0)) AS given`;

/** `now`: ms since epoch. Returns what there is to say of it, for a person. */
export function bringBack(database: DatabaseSync, now: number): string[] {
  if (now < WRITTEN_AT) return [];
  const { published, given } = database.prepare(NEWEST).get() as { published: number; given: number };
  if (Math.max(published, given) <= now + TOLERATED_MS) return [];
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const table of GIVEN)
      database.prepare(`UPDATE ${table} SET at = ?1 WHERE at > ?1 + ?2`).run(now, TOLERATED_MS);
    const rows = published > now + TOLERATED_MS ? bringRowsBack(database, now) : 0;
    database.exec('COMMIT');
    return rows === 0
      ? []
      : [`${rows} publications had times in the future, of a clock that was wrong: brought back to now`];
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    const reason = fromSqlite(error);
    if (isDiskFull(reason)) return []; // a tracker starts there too; the next start does it
    throw reason;
  }
}

/** In the same order, behind the row before them. */
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
