/** Publications in SQL: what `publish` and `unpublish` do to them. Neighbour: `publication-rows.ts` reads them. */
import { CompiledQuery, type Insertable, type Kysely } from 'kysely';
import { ERROR_TEXTS, type ErrorCode } from '../../common/protocol/errors.js';
import type { PublicationKind } from '../../common/protocol/folder-fields.js';
import type { ErrorBody, ReplyBody } from '../../common/protocol/messages.js';
import { deviceOf } from './accounts-table.js';
import { dialectOf, type Spelled, spelled } from './dialect.js';
import { noteFolders } from './folders-table.js';
import { prepared } from './prepared.js';
import { keepFromUnnamed, resolveRights, setRights } from './rights-table.js';
import { NextPlaces } from './row-order.js';
import { searchFold } from './search-fold.js';
import type { Change, PublishEntry } from './store.js';
import { isBeyondStored } from './stored-quota.js';
import type { Tables } from './tables.js';
import { expire, setTerms } from './terms-table.js';
import { together } from './together.js';

type Db = Kysely<Tables>;
/** Names looked up, and rows inserted, by one statement: far below SQLite's limit of 32,766 parameters. */
const BATCH = 250;

interface Held {
  publication_id: string;
  device_id: number;
  file_id: string;
  size: number;
  kind: PublicationKind;
  revision: number;
  is_public: number;
}

type PublishResult = ReplyBody<'publish'>['results'][number];
/** Of one name that was asked for. */
export type NamedResult = ReplyBody<'unpublish'>['results'][number];
/** Changed libraries: device id → by how much its revision rises, and how many rows it gained. */
export type LibraryChanges = Map<number, { revision: number; publications: number }>;

/** One `publish` while it is applied: entries see the ones before them. */
interface Publishing {
  readonly db: Db;
  readonly device: { readonly id: number; readonly account_id: number };
  readonly at: number;
  readonly heldByName: Map<string, Held>;
  readonly fresh: Map<string, PublishEntry>;
  readonly places: NextPlaces;
  /** Rows with new content, which still stand where they stood. */
  readonly replaced: Set<string>;
  /** Rows that the user may still add. */
  room: number;
  readonly putQuotaBytes: number | undefined;
  readonly changes: LibraryChanges;
}

export async function publish(db: Db, change: Change & { type: 'publish' }, at: number): Promise<ReplyBody<'publish'>> {
  const device = await deviceOf(db, change);
  const names = change.entries.flatMap((entry) => ('refused' in entry ? [] : [entry.name]));
  const [heldByName, [account]] = await together(db, [
    () => findHeld(db, device.account_id, names),
    () => selectRows(db, { accountId: device.account_id }),
  ]);
  const places = await NextPlaces.behindAll(db);
  const room = change.quota - (account?.publications ?? 0) - (account?.paths ?? 0);
  const { putQuotaBytes } = change;
  const state: Publishing = {
    ...{ db, device, at, heldByName, places, room, putQuotaBytes },
    fresh: new Map(),
    replaced: new Set(),
    changes: new Map(),
  };
  const results: PublishResult[] = [];
  const rights = change.rights === undefined ? undefined : await resolveRights(db, change.rights);
  if (rights === 'unknown-name') {
    const error = errorOf('unknown-name');
    return { results: change.entries.map(() => ({ ok: false, error })), libraryRevision: device.revision };
  }
  for (const entry of change.entries) {
    results.push('refused' in entry ? { ok: false, error: entry.refused } : await publishOne(state, entry));
  }
  await moveReplaced(state);
  await together(db, [() => insertFresh(state), () => applyChanges(db, device.account_id, state.changes)]);
  await places.taken();
  const applied = results.flatMap((result) => (result.ok ? [result.publicationId] : []));
  if (rights !== undefined) for (const id of applied) await setRights(db, id, { rights, at });
  for (const result of results)
    if (result.ok && result.change === 'replaced') await keepFromUnnamed(db, result.publicationId);
  if (change.terms !== undefined) {
    for (const id of applied) await setTerms(db, id, { terms: change.terms, at });
    await expire(db, at);
  }
  const described = await noteFolders(db, device.account_id, appliedEntries(change.entries, results));
  return {
    results: results.map((result) => {
      if (!result.ok) return result;
      const paths = described.get(result.publicationId);
      return { ...result, ...(rights && { rights: rights.kind }), ...(paths === undefined ? {} : { paths }) };
    }),
    libraryRevision: device.revision + (state.changes.get(device.id)?.revision ?? 0),
  };
}

const selectRows = prepared((db, { accountId }: { accountId: number }) =>
  db.selectFrom('accounts').select(['publications', 'paths']).where('id', '=', accountId).compile(),
);

function appliedEntries(entries: (Change & { type: 'publish' })['entries'], results: readonly PublishResult[]) {
  return entries.flatMap((entry, index) => {
    const result = results[index];
    if ('refused' in entry || result?.ok !== true) return [];
    const { publicationId, change } = result;
    return [{ entry, publicationId, change }];
  });
}

async function publishOne(state: Publishing, entry: PublishEntry): Promise<PublishResult> {
  const held = state.heldByName.get(entry.name);
  if (held === undefined) {
    if (await wasRemoved(state.db, entry)) return { ok: false, error: errorOf('gone') };
    return publishNew(state, entry);
  }
  if (held.file_id === entry.fileId && held.size === entry.size && held.kind === entry.kind) {
    if (held.device_id !== state.device.id) await moveHere(state, entry.name, held);
    return published(held, 'unchanged');
  }
  if (!entry.replace && !isToldAgain(state, entry, held)) return { ok: false, error: errorOf('name-taken') };
  if (
    await isBeyondStored(state.db, entry, {
      ...state,
      accountId: state.device.account_id,
      publicationId: held.publication_id,
    })
  )
    return { ok: false, error: errorOf('quota') };
  return replace(state, entry, held);
}

/** Of what a device publishes it knows best what it has: this store is older than that, a backup of it was put in its place. */
function isToldAgain({ device }: Publishing, { publicationId }: PublishEntry, held: Held): boolean {
  return held.publication_id === publicationId && held.device_id === device.id;
}

async function wasRemoved(db: Db, { publicationId }: PublishEntry): Promise<boolean> {
  if (publicationId === undefined) return false;
  const row = await db
    .selectFrom('removed')
    .select('at')
    .where('publication_id', '=', publicationId)
    .executeTakeFirst();
  return row !== undefined;
}

function publishNew(state: Publishing, entry: PublishEntry): PublishResult {
  if (state.room < 1) return { ok: false, error: errorOf('quota') };
  state.room -= 1;
  state.fresh.set(entry.name, entry);
  const held: Held = {
    publication_id: entry.newId,
    device_id: state.device.id,
    file_id: entry.fileId,
    size: entry.size,
    kind: entry.kind,
    revision: 1,
    is_public: 1,
  };
  state.heldByName.set(entry.name, held);
  note(state.changes, state.device.id, { publications: 1 });
  return published(held, 'new');
}

function published(held: Held, change: 'new' | 'unchanged' | 'replaced'): PublishResult {
  const rights = held.is_public === 1 ? 'public' : 'limited';
  return { ok: true, publicationId: held.publication_id, revision: held.revision, change, rights };
}

/** The same file, now on another device of the user: that device is its source from here on. */
async function moveHere(state: Publishing, name: string, held: Held): Promise<void> {
  await ofAccount(state, name).set({ device_id: state.device.id }).execute();
  note(state.changes, held.device_id, { publications: -1 });
  note(state.changes, state.device.id, { publications: 1 });
  held.device_id = state.device.id;
}

async function replace(state: Publishing, entry: PublishEntry, held: Held): Promise<PublishResult> {
  if (held.device_id !== state.device.id) await moveHere(state, entry.name, held);
  else note(state.changes, state.device.id, { publications: 0 });
  Object.assign(held, { file_id: entry.fileId, size: entry.size, kind: entry.kind, revision: held.revision + 1 });
  const fresh = state.fresh.get(entry.name);
  if (fresh === undefined) {
    await ofAccount(state, entry.name)
      .set({
        file_id: entry.fileId,
        size: entry.size,
        kind: entry.kind,
        revision: held.revision,
        published_at: state.at,
      })
      .execute();
    state.replaced.add(held.publication_id);
  } else {
    state.fresh.set(entry.name, { ...entry, newId: fresh.newId });
  }
  return published(held, 'replaced');
}

/** In the order of their ids: so all of a request have its time, and none a later one. */
async function moveReplaced({ db, at, replaced, places }: Publishing): Promise<void> {
  if (!dialectOf(db).isNumbered) return;
  for (const id of [...replaced].sort()) {
    const place = places.next(id, at);
    await db.updateTable('publications').set(place).where('publication_id', '=', id).execute();
  }
}

function ofAccount({ db, device }: Publishing, name: string) {
  return db.updateTable('publications').where(dialectOf(db).isNamed('publications', device.account_id, [name]));
}

async function insertFresh({ db, device, at, fresh, heldByName, places }: Publishing): Promise<void> {
  const rows = [...fresh.values()].map((entry) => ({
    publication_id: entry.newId,
    account_id: device.account_id,
    device_id: device.id,
    name: entry.name,
    fold: searchFold(entry.name),
    file_id: entry.fileId,
    size: entry.size,
    kind: entry.kind,
    revision: heldByName.get(entry.name)?.revision ?? 1,
    ...places.next(entry.newId, at),
  }));
  const [row] = rows;
  if (row !== undefined && rows.length === 1) return void (await insertOne(db, row));
  for (let first = 0; first < rows.length; first += BATCH) await insertRows(db, rows.slice(first, first + BATCH));
}

type FreshRow = Insertable<Tables['publications']>;

const insertOne = prepared((db, row: FreshRow) => {
  const { row_id, publication_id, account_id, device_id, name, fold, file_id, size, kind, revision, published_at } =
    row;
  const ids = { ...(dialectOf(db).isNumbered ? { row_id } : {}), publication_id, account_id, device_id };
  return db
    .insertInto('publications')
    .values({ ...ids, name, fold, file_id, size, kind, revision, published_at })
    .compile();
});

/** Full batches are one statement, which is built once: to build it costs more than to carry it out. */
async function insertRows(db: Db, rows: readonly FreshRow[]): Promise<void> {
  const insert = db.insertInto('publications');
  if (rows.length < BATCH) return void (await insert.values(rows).execute());
  const { isNumbered } = dialectOf(db);
  const statement = bulkInserts.get(isNumbered) ?? insert.values(rows).compile().sql;
  bulkInserts.set(isNumbered, statement);
  await db.executeQuery(CompiledQuery.raw(statement, rows.flatMap(Object.values)));
}

/** By the kind of store. */
const bulkInserts = new Map<boolean, string>();

async function findHeld(db: Db, accountId: number, names: readonly string[]): Promise<Map<string, Held>> {
  const heldByName = new Map<string, Held>();
  const [only] = names;
  if (only !== undefined && names.length === 1) {
    for (const { name, ...held } of await selectHeld(db, { accountId, ...spelled(only) })) heldByName.set(name, held);
    return heldByName;
  }
  for (let first = 0; first < names.length; first += BATCH) {
    const rows = await heldBy(db, accountId)
      .where(dialectOf(db).isNamed('publications', accountId, names.slice(first, first + BATCH)))
      .execute();
    for (const { name, ...held } of rows) heldByName.set(name, held);
  }
  return heldByName;
}

function heldBy(db: Db, accountId: number) {
  return db
    .selectFrom('publications')
    .select(['name', 'publication_id', 'device_id', 'file_id', 'size', 'kind', 'revision', 'is_public'])
    .where('account_id', '=', accountId);
}

const selectHeld = prepared((db, { accountId, name, fold, spelling }: { accountId: number } & Spelled) =>
  heldBy(db, accountId).where(dialectOf(db).isSpelled({ name, fold, spelling })).compile(),
);

export async function unpublish(db: Db, change: Change & { type: 'unpublish' }): Promise<ReplyBody<'unpublish'>> {
  const device = await deviceOf(db, change);
  const changes: LibraryChanges = new Map();
  const results: NamedResult[] = [];
  for (const name of change.names) {
    const gone = await db
      .deleteFrom('publications')
      .where(dialectOf(db).isNamed('publications', device.account_id, [name]))
      .returning(['publication_id', 'device_id'])
      .executeTakeFirst();
    if (gone === undefined) {
      results.push({ ok: false, error: errorOf('not-found') });
    } else {
      note(changes, gone.device_id, { publications: -1 });
      results.push({ ok: true, publicationId: gone.publication_id });
    }
  }
  await applyChanges(db, device.account_id, changes);
  return { results, libraryRevision: device.revision + (changes.get(device.id)?.revision ?? 0) };
}

/** One applied change to the library of a device: its revision rises by one. */
export function note(changes: LibraryChanges, deviceId: number, { publications }: { publications: number }): void {
  const before = changes.get(deviceId) ?? { revision: 0, publications: 0 };
  changes.set(deviceId, { revision: before.revision + 1, publications: before.publications + publications });
}

export async function applyChanges(db: Db, accountId: number, changes: LibraryChanges): Promise<void> {
  const gained = [...changes.values()].reduce((sum, { publications }) => sum + publications, 0);
  const updates = [...changes].map(
    ([deviceId, change]) =>
      () =>
        raiseDevice(db, { deviceId, ...change }),
  );
  await together(db, gained === 0 ? updates : [...updates, () => raiseAccount(db, { accountId, gained })]);
}

const raiseDevice = prepared(
  (db, { deviceId, revision, publications }: { deviceId: number; revision: number; publications: number }) =>
    db
      .updateTable('devices')
      .where('id', '=', deviceId)
      .set((eb) => ({
        revision: eb('revision', '+', revision),
        publications: eb('publications', '+', publications),
      }))
      .compile(),
);

const raiseAccount = prepared((db, { accountId, gained }: { accountId: number; gained: number }) =>
  db
    .updateTable('accounts')
    .where('id', '=', accountId)
    .set((eb) => ({ publications: eb('publications', '+', gained) }))
    .compile(),
);

export function errorOf(code: ErrorCode): ErrorBody {
  return { code, message: ERROR_TEXTS[code] };
}
