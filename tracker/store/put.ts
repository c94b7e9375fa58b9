/** `put` in SQL: chooses depots and reserves their room, in one step, so that two at once never get the same bytes. */
import { type Kysely, sql } from 'kysely';
import type { CopyRow } from '../../common/protocol/depot-fields.js';
import type { ErrorCode } from '../../common/protocol/errors.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import { deviceOf } from './accounts-table.js';
import { copiesOf } from './copies-table.js';
import type { OfferedDepot, PutChange } from './depot-store.js';
import { dialectOf } from './dialect.js';
import { accountOf, foldUser } from './fold-user.js';
import { errorOf } from './publications-table.js';
import { visibleTo } from './rights-table.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

interface Place extends OfferedDepot {
  readonly deviceId: number;
  readonly accountId: number;
  /** Bytes that are neither taken nor promised. */
  room: number;
}

interface Wanted {
  readonly row_id: number;
  readonly publication_id: string;
  readonly account_id: number;
  readonly name: string;
  readonly file_id: string;
  readonly size: number;
  readonly is_public: number;
}

export async function put(db: Db, change: PutChange): Promise<ReplyBody<'put'>> {
  const places = await placesOf(db, change);
  const results: ReplyBody<'put'>['results'] = [];
  for (const name of change.names) {
    const outcome = await putOne(db, name, { change, places });
    results.push(typeof outcome === 'string' ? { ok: false, error: errorOf(outcome) } : { ok: true, ...outcome });
  }
  return { results };
}

async function putOne(
  db: Db,
  name: string,
  { change, places }: { readonly change: PutChange; readonly places: readonly Place[] },
): Promise<{ publicationId: string; copies: CopyRow[] } | ErrorCode> {
  const wanted = await findOwn(db, change.user, name);
  if (wanted === undefined) return 'not-found';
  const publicationId = wanted.publication_id;
  const [there = []] = await copiesOf(db, [publicationId], change.user);
  const chosen = await choose(db, wanted, { change, places, there });
  if (typeof chosen === 'string') return chosen;
  if (await isBeyondQuota(db, wanted, { bytes: chosen.length * wanted.size, change })) return 'quota';
  const isNamed = change.named === undefined ? 0 : 1;
  for (const place of chosen) {
    place.room -= wanted.size;
    await db
      .insertInto('copies')
      .values({
        publication_id: publicationId,
        device_id: place.deviceId,
        owner_id: wanted.account_id,
        name: wanted.name,
        wanted_file: wanted.file_id,
        size: wanted.size,
        held_file: null,
        is_named: isNamed,
      })
      // One that is being dropped there.
      .onConflict((conflict) =>
        conflict.columns(['publication_id', 'device_id']).doUpdateSet({
          ...{ wanted_file: wanted.file_id, size: wanted.size, is_full: 0, is_named: isNamed },
        }),
      )
      .execute();
  }
  // Who asks again wants the depot to look again.
  await db.updateTable('copies').set({ is_full: 0 }).where('publication_id', '=', publicationId).execute();
  if (change.named !== undefined) await noteNamed(db, publicationId, change.named);
  if (change.removal !== undefined)
    await db.updateTable('publications').set({ removal: change.removal }).where('row_id', '=', wanted.row_id).execute();
  const [copies = []] = await copiesOf(db, [publicationId], change.user);
  return { publicationId, copies };
}

/** Also those that had it before they were named. */
async function noteNamed(db: Db, publicationId: string, named: readonly string[]): Promise<void> {
  const users = dialectOf(db).rowsOf(named.map(foldUser), 'text');
  await sql`UPDATE copies SET is_named = 1 WHERE publication_id = ${publicationId} AND device_id IN (
    SELECT d.id FROM devices AS d JOIN accounts AS a ON a.id = d.account_id
    WHERE a.user_fold IN (${users}))`.execute(db);
}

/** The depots with the most room come first, so that copies are spread; those that have one already count. */
async function choose(
  db: Db,
  wanted: Wanted,
  { change, places, there }: { change: PutChange; places: readonly Place[]; there: readonly CopyRow[] },
): Promise<Place[] | ErrorCode> {
  const has = new Set(there.map(({ depot }) => foldUser(depot)));
  const named = change.named?.map(foldUser);
  const missing =
    named === undefined ? change.copies - has.size : new Set(named).size - named.filter((name) => has.has(name)).length;
  if (missing <= 0) return [];
  const allowed: Place[] = [];
  for (const place of places) {
    const user = foldUser(place.user);
    if (has.has(user) || (named !== undefined && !named.includes(user))) continue;
    // Its operator could read it: what is not for everybody goes only where its owner says, or where it may be read anyway.
    if (named === undefined && wanted.is_public === 0 && !(await mayRead(db, wanted, place))) continue;
    allowed.push(place);
  }
  if (allowed.length < missing) return 'no-depot';
  const fitting = allowed.filter(({ room }) => room >= wanted.size).sort((a, b) => b.room - a.room);
  return fitting.length < missing ? 'depot-full' : fitting.slice(0, missing);
}

async function mayRead(db: Db, { row_id }: Wanted, { accountId }: Place): Promise<boolean> {
  const { rows } = await sql`SELECT 1 FROM publications AS p WHERE p.row_id = ${row_id}
    AND ${visibleTo(sql`${accountId}`)}`.execute(db);
  return rows.length > 0;
}

async function isBeyondQuota(
  db: Db,
  { account_id }: Wanted,
  { bytes, change }: { readonly bytes: number; readonly change: PutChange },
): Promise<boolean> {
  if (bytes === 0) return false;
  const { rows } = await sql<{ used: number }>`SELECT coalesce(sum(size), 0) AS used FROM copies
    WHERE owner_id = ${account_id} AND wanted_file IS NOT NULL`.execute(db);
  return (rows[0]?.used ?? 0) + bytes > change.quotaBytes;
}

async function placesOf(db: Db, { depots }: PutChange): Promise<Place[]> {
  const places: Place[] = [];
  for (const depot of depots) {
    const { id: deviceId, account_id: accountId } = await deviceOf(db, depot);
    // Until the old content is dropped, both have their place.
    const { rows } = await sql<{
      used: number;
    }>`SELECT coalesce(sum(CASE WHEN wanted_file IS NOT DISTINCT FROM held_file THEN size
      ELSE size + held_size END), 0) AS used FROM copies WHERE device_id = ${deviceId}`.execute(db);
    places.push({ ...depot, deviceId, accountId, room: depot.capacity - (rows[0]?.used ?? 0) });
  }
  return places;
}

async function findOwn(db: Db, user: string, name: string): Promise<Wanted | undefined> {
  return (
    db
      .selectFrom('publications as p')
      .leftJoin('folders as fo', 'fo.publication_id', 'p.publication_id')
      .select(['p.row_id', 'p.publication_id', 'p.account_id', 'p.name', 'p.file_id', 'p.is_public'])
      // A folder takes the room of its files and of their list.
      .select(sql<number>`p.size + coalesce(fo.listing_size, 0)`.as('size'))
      .where(dialectOf(db).isNamed('p', accountOf(user), [name]))
      .executeTakeFirst()
  );
}
