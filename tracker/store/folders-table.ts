/** What folders hold, in SQL. The paths of a folder that is gone are removed little by little: a million at once would hold up everybody. */
import { type Kysely, sql } from 'kysely';
import { dialectOf } from './dialect.js';
import { foldUser } from './fold-user.js';
import type { PathsOutcome } from './path-rows.js';
import { searchFold } from './search-fold.js';
import type { Change, PublishEntry } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

/** Paths of one statement: far below SQLite's limit of 32,766 parameters. */
const BATCH = 250;
/** Paths of gone folders that one step removes. */
const GARBAGE_BATCH = 500;

type Described = ReadonlyMap<string, string>;

/** After `publish`: keeps the totals of folders; tells which content of each is described here. */
export async function noteFolders(
  db: Db,
  accountId: number,
  applied: readonly {
    readonly publicationId: string;
    readonly entry: PublishEntry;
    readonly change: 'new' | 'unchanged' | 'replaced';
  }[],
): Promise<Described> {
  const described = new Map<string, string>();
  for (const { publicationId, entry, change } of applied) {
    if (entry.kind !== 'folder') {
      // What was a folder may have been replaced by a file.
      if (change === 'replaced') await db.deleteFrom('folders').where('publication_id', '=', publicationId).execute();
      continue;
    }
    const totals = { files: entry.files ?? 0, listing_size: entry.listingSize ?? 0 };
    const row = await db
      .insertInto('folders')
      .values({ publication_id: publicationId, account_id: accountId, ...totals, paths: 0, described: '' })
      .onConflict((conflict) =>
        conflict
          .column('publication_id')
          // The same content has the list it had: to say otherwise would take room in depots past their quota.
          .doUpdateSet(change === 'unchanged' ? (eb) => ({ paths: eb.ref('folders.paths') }) : totals),
      )
      .returning('described')
      .executeTakeFirstOrThrow();
    if (row.described !== '') described.set(publicationId, row.described);
  }
  return described;
}

/** Takes paths of one's own folder, of its present content. */
export async function describeFolder(db: Db, change: Change & { type: 'paths' }): Promise<PathsOutcome> {
  const found = await findFolder(db, change);
  if (found === undefined) return { refused: 'not-found' };
  if (found.file_id !== change.fileId) return { refused: 'changed' };
  const folder = change.start ? await startAnew(db, found) : found;
  const dropped = await drop(db, folder.folder, change.drop);
  const added = await put(db, folder.folder, change.put);
  const gained = added - dropped;
  const account = await db
    .updateTable('accounts')
    .set((eb) => ({ paths: eb('paths', '+', gained) }))
    .where('id', '=', folder.account_id)
    .returning(['paths', 'publications'])
    .executeTakeFirstOrThrow();
  await db
    .updateTable('folders')
    .set((eb) => ({ paths: eb('paths', '+', gained), described: change.end ? change.fileId : '' }))
    .where('folder', '=', folder.folder)
    .execute();
  if (gained <= 0 || account.paths + account.publications <= change.quota) return {};
  // Given back at once: what was taken of this request alone would be a list with holes.
  await drop(
    db,
    folder.folder,
    change.put.map(({ path }) => path),
  );
  await db
    .updateTable('accounts')
    .set((eb) => ({ paths: eb('paths', '-', added) }))
    .where('id', '=', folder.account_id)
    .execute();
  await db
    .updateTable('folders')
    .set((eb) => ({ paths: eb('paths', '-', added), described: '' }))
    .where('folder', '=', folder.folder)
    .execute();
  return { refused: 'quota' };
}

interface Folder {
  readonly folder: number;
  readonly account_id: number;
}

async function findFolder(db: Db, { publicationId, user }: Change & { type: 'paths' }) {
  return db
    .selectFrom('folders as f')
    .innerJoin('publications as p', 'p.publication_id', 'f.publication_id')
    .innerJoin('accounts as a', 'a.id', 'p.account_id')
    .select(['f.folder', 'f.account_id', 'f.files', 'f.listing_size', 'f.publication_id', 'p.file_id'])
    .where('f.publication_id', '=', publicationId)
    .where('a.user_fold', '=', foldUser(user))
    .executeTakeFirst();
}

async function startAnew(db: Db, old: NonNullable<Awaited<ReturnType<typeof findFolder>>>): Promise<Folder> {
  const { file_id: _, folder, ...totals } = old;
  await db.deleteFrom('folders').where('folder', '=', folder).execute();
  return db
    .insertInto('folders')
    .values({ ...totals, paths: 0, described: '' })
    .returning(['folder', 'account_id'])
    .executeTakeFirstOrThrow();
}

async function drop(db: Db, folder: number, paths: readonly string[]): Promise<number> {
  let dropped = 0;
  for (let first = 0; first < paths.length; first += BATCH) {
    const gone = await db
      .deleteFrom('paths')
      .where('folder', '=', folder)
      .where(dialectOf(db).isPath(paths.slice(first, first + BATCH)))
      .executeTakeFirst();
    dropped += Number(gone.numDeletedRows);
  }
  return dropped;
}

/** Those that are there already get their new size and id. Returns how many were new. */
async function put(db: Db, folder: number, entries: (Change & { type: 'paths' })['put']): Promise<number> {
  const rows = new Map(
    entries.map(({ path, size, fileId }) => [path, { folder, path, fold: searchFold(path), size, file_id: fileId }]),
  );
  let known = 0;
  const all = [...rows.values()];
  for (let first = 0; first < all.length; first += BATCH) {
    const batch = all.slice(first, first + BATCH);
    const { count } = await db
      .selectFrom('paths')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('folder', '=', folder)
      .where(dialectOf(db).isPath(batch.map(({ path }) => path)))
      .executeTakeFirstOrThrow();
    known += count;
    await db
      .insertInto('paths')
      .values(batch)
      .onConflict((conflict) =>
        conflict.expression(sql`folder, ${dialectOf(db).pathKey}`).doUpdateSet((eb) => ({
          size: eb.ref('excluded.size'),
          file_id: eb.ref('excluded.file_id'),
        })),
      )
      .execute();
  }
  return all.length - known;
}

/** Removes some paths of folders that are gone; true when there are more. */
export async function sweepPaths(db: Db): Promise<boolean> {
  const gone = await db.selectFrom('gone_folders').select('folder').limit(1).executeTakeFirst();
  if (gone === undefined) return false;
  const { numDeletedRows } = await db
    .deleteFrom('paths')
    .where(
      'path_id',
      'in',
      sql<number>`(SELECT path_id FROM paths WHERE folder = ${gone.folder} LIMIT ${GARBAGE_BATCH})`,
    )
    .executeTakeFirst();
  if (numDeletedRows < GARBAGE_BATCH) await db.deleteFrom('gone_folders').where('folder', '=', gone.folder).execute();
  return true;
}

export function totalsOf(row: { files: number | null; listing_size: number | null }): {
  files?: number;
  listingSize?: number;
} {
  return row.files === null || row.listing_size === null ? {} : { files: row.files, listingSize: row.listing_size };
}
