/** What an owner changes about publications that stay what they are: rights and terms, and names. */
import type { Kysely } from 'kysely';
import type { ReplyBody } from '../../common/protocol/messages.js';
import { deviceOf } from './accounts-table.js';
import { dialectOf } from './dialect.js';
import { applyChanges, errorOf, type LibraryChanges, type NamedResult, note } from './publications-table.js';
import { resolveRights, setRights } from './rights-table.js';
import { searchFold } from './search-fold.js';
import type { Change, RenameEntry } from './store.js';
import type { Tables } from './tables.js';
import { expire, setTerms } from './terms-table.js';

type Db = Kysely<Tables>;

export async function changeRights(
  db: Db,
  change: Change & { type: 'rights' },
  at: number,
): Promise<ReplyBody<'rights'>> {
  const device = await deviceOf(db, change);
  const changes: LibraryChanges = new Map();
  const rights = change.rights === undefined ? undefined : await resolveRights(db, change.rights);
  if (rights === 'unknown-name') {
    const error = errorOf('unknown-name');
    return { results: change.names.map(() => ({ ok: false, error })), libraryRevision: device.revision };
  }
  const results: NamedResult[] = [];
  for (const name of change.names) {
    const row = await db
      .selectFrom('publications as p')
      .select(['p.publication_id', 'p.device_id'])
      .where(dialectOf(db).isNamed('p', device.account_id, [name]))
      .executeTakeFirst();
    if (row === undefined) {
      results.push({ ok: false, error: errorOf('not-found') });
      continue;
    }
    if (rights !== undefined) await setRights(db, row.publication_id, { rights, at });
    if (change.terms !== undefined) await setTerms(db, row.publication_id, { terms: change.terms, at });
    results.push({ ok: true, publicationId: row.publication_id });
    note(changes, row.device_id, { publications: 0 });
  }
  if (change.terms !== undefined) await expire(db, at);
  await applyChanges(db, device.account_id, changes);
  return { results, libraryRevision: device.revision + (changes.get(device.id)?.revision ?? 0) };
}

/** Only what this device publishes: another one would go on under the old name. */
export async function rename(db: Db, change: Change & { type: 'rename' }): Promise<ReplyBody<'rename'>> {
  const device = await deviceOf(db, change);
  const changes: LibraryChanges = new Map();
  const results: NamedResult[] = [];
  for (const entry of change.entries) results.push(await renameOne(db, { entry, device, changes }));
  await applyChanges(db, device.account_id, changes);
  return { results, libraryRevision: device.revision + (changes.get(device.id)?.revision ?? 0) };
}

interface Renaming {
  readonly entry: RenameEntry;
  readonly device: { readonly id: number; readonly account_id: number };
  readonly changes: LibraryChanges;
}

async function renameOne(db: Db, { entry, device, changes }: Renaming): Promise<NamedResult> {
  if ('refused' in entry) return { ok: false, error: entry.refused };
  const { publicationId, name } = entry;
  const row = await db
    .selectFrom('publications')
    .select(['row_id', 'device_id', 'name'])
    .where('publication_id', '=', publicationId)
    .where('account_id', '=', device.account_id)
    .executeTakeFirst();
  if (row === undefined) return { ok: false, error: errorOf('not-found') };
  if (row.device_id !== device.id) return { ok: false, error: errorOf('not-allowed') };
  if (row.name === name) return { ok: true, publicationId };
  const isMine = dialectOf(db).isNamed('publications', device.account_id, [name]);
  if ((await db.selectFrom('publications').select('row_id').where(isMine).executeTakeFirst()) !== undefined)
    return { ok: false, error: errorOf('name-taken') };
  const fold = searchFold(name);
  await db.updateTable('publications').set({ name, fold }).where('row_id', '=', row.row_id).execute();
  note(changes, device.id, { publications: 0 });
  return { ok: true, publicationId };
}
