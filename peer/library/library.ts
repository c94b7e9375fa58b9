/**
 * What this peer publishes: which file stands behind each name, with its proven hashes, durable in `<state>/library.sqlite`.
 * It knows neither tracker nor network; `publisher.ts` keeps both in step. A row is written before the tracker hears of it and
 * removed after the tracker has forgotten it, so a crash between the two loses nothing and revives nothing.
 */
import { randomBytes } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';

import type { Terms } from '../../common/protocol/messages.js';
import type { Rights } from '../api.js';
import type { FileIdentity } from './hashing/file-identity.js';
import type { HashedFile } from './hashing/hash-file.js';
import { contentOf, entryOf } from './library-row.js';
import { COLUMNS, FILE_COLUMNS, openLibraryTable, UNSETTLED } from './library-schema.js';

/** `pending`: the tracker may not know it yet. `withdrawing`: the tracker may still know it. */
export type EntryState = 'pending' | 'published' | 'withdrawing';

export interface LibraryEntry {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly fileId: string;
  /** Of a folder: of its listing, as `identity` and the hashes are. */
  readonly sizeBytes: number;
  readonly kind: 'file' | 'folder';
  /** Of a folder, as the next two: all its files, and their bytes together. */
  readonly files?: number;
  readonly bytes?: number;
  /** Where the listing lies. */
  readonly listing?: string;
  /** A folder that is read again whenever something in it changes. */
  readonly isWatched: boolean;
  readonly identity: FileIdentity;
  readonly state: EntryState;
  /** Empty while `pending` for the first time. */
  readonly publicationId: string;
  readonly revision: number;
  /** Asked for with `pub`, and not known to the tracker yet. */
  readonly wishedRights?: Rights;
  /** Likewise; of a passcode only the hash is kept here. */
  readonly wishedTerms?: Terms;
  /** Asked for with `rename`, and not done by the tracker yet. */
  readonly wishedName?: string;
}

/** What is wished for beside the content. */
export interface Wish {
  readonly rights?: Rights | undefined;
  readonly terms?: Terms | undefined;
}

/** An entry as a request told it. */
export type Told = Pick<LibraryEntry, 'name' | 'fileId' | 'state' | 'wishedRights' | 'wishedTerms'>;

/** What `put` records. */
export interface PutFile extends HashedFile {
  /** When it is the listing of a folder. */
  readonly folder?: {
    readonly listing: string;
    readonly files: number;
    readonly bytes: number;
    readonly isWatched: boolean;
  };
}

const LOCK_KEY_BYTES = 32;
/** Contents before the present one that are kept for who began to fetch them; each is served only while its file is still there. */
const MAX_FORMER = 3;

/** The last entry of a page. */
export interface PageEnd {
  readonly changed: number;
  readonly name: string;
}

export class Library {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string) {
    this.#db = openLibraryTable(file);
  }

  /** The tracker's revision of this device's publications, as last heard. */
  get revision(): number {
    const row = this.#prepare(`SELECT value FROM setting WHERE key = 'revision'`).get();
    return Number(row?.['value'] ?? 0);
  }

  set revision(value: number) {
    this.#prepare(`INSERT INTO setting VALUES ('revision', ?) ON CONFLICT DO UPDATE SET value = excluded.value`).run(
      value,
    );
  }

  /** A secret of this library alone, 32 bytes, made when it is first asked for: salts of passcodes come from it. */
  lockKey(): Uint8Array {
    this.#prepare(`INSERT OR IGNORE INTO setting VALUES ('lock-key', ?)`).run(randomBytes(LOCK_KEY_BYTES));
    const row = this.#prepare(`SELECT value FROM setting WHERE key = 'lock-key'`).get();
    return row?.['value'] as Uint8Array;
  }

  byName(name: string): LibraryEntry | undefined {
    return entryOf(this.#select('name = ?').get(name));
  }

  /** The one that is to get this name. */
  byWishedName(name: string): LibraryEntry | undefined {
    return entryOf(this.#select('wished_name = ?').get(name));
  }

  byPath(path: string): LibraryEntry | undefined {
    return entryOf(this.#select('path = ? ORDER BY name LIMIT 1').get(path));
  }

  byPublication(publicationId: string): LibraryEntry | undefined {
    return entryOf(this.#select('publication_id = ?').get(publicationId));
  }

  byFileId(fileId: string): LibraryEntry | undefined {
    return entryOf(this.#select('file_id = ? ORDER BY name LIMIT 1').get(fileId));
  }

  /** A content that the publication had before. */
  former(publicationId: string, fileId: string): Content | undefined {
    const row = this.#prepare(`SELECT ${FILE_COLUMNS} FROM former WHERE publication_id = ? AND file_id = ?`).get(
      publicationId,
      fileId,
    );
    return row === undefined ? undefined : contentOf(row);
  }

  /** A file that was published under whatever name and path, by what tells it from others. */
  byInode({ dev, ino, size, mtimeNs }: FileIdentity): LibraryEntry | undefined {
    const where = 'ino = ? AND dev = ? AND size = ? AND mtime_ns = ? AND listing IS NULL LIMIT 1';
    return entryOf(this.#select(where).get(String(ino), String(dev), Number(size), String(mtimeNs)));
  }

  /** Every entry by name, read as needed: nothing may be written meanwhile. */
  *entries(): Generator<LibraryEntry> {
    for (const row of this.#select('1 ORDER BY name').iterate()) yield entryOf(row) as LibraryEntry;
  }

  /** Those that are to get another name. */
  toRename(): LibraryEntry[] {
    return this.#select('wished_name IS NOT NULL')
      .all()
      .map((row) => entryOf(row) as LibraryEntry);
  }

  /** At most `most` entries, or those of them that are unsettled, which come after `last` when what was put last comes first. */
  page(
    which: 'all' | 'unsettled',
    most: number,
    last?: PageEnd,
  ): { entries: LibraryEntry[]; last: PageEnd | undefined } {
    const table = which === 'all' ? 'entry INDEXED BY entry_changed' : 'entry INDEXED BY entry_unsettled';
    const where = `${which === 'all' ? '' : `${UNSETTLED} AND `}(changed, name) < (?, ?)`;
    const rows = this.#prepare(
      `SELECT changed, ${COLUMNS} FROM ${table} WHERE ${where} ORDER BY changed DESC, name DESC LIMIT ?`,
    ).all(last?.changed ?? Number.MAX_SAFE_INTEGER, last?.name ?? '', most);
    const end = rows.at(-1);
    return {
      entries: rows.map((row) => entryOf(row) as LibraryEntry),
      last: end && { changed: Number(end['changed']), name: String(end['name']) },
    };
  }

  /** Folders that are read again whenever something in them changes. */
  watched(): LibraryEntry[] {
    return this.#select('is_watched = 1')
      .all()
      .map((row) => entryOf(row) as LibraryEntry);
  }

  /** One whose fileId begins so. */
  byIdPrefix(prefix: string): LibraryEntry | undefined {
    return entryOf(this.#select('file_id >= ? AND file_id < ? LIMIT 1').get(prefix, `${prefix}g`)); // behind every digit
  }

  /** Does all of `work`, which must not wait for anything, in one step: on a disk each step takes its time. */
  inOneStep<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** The publication that comes next by its id, for who goes through them slowly; '' for the first. */
  publicationAfter(publicationId: string): string | undefined {
    const row = this.#select('publication_id > ? ORDER BY publication_id LIMIT 1').get(publicationId);
    return entryOf(row)?.publicationId;
  }

  /** True when something must be told to the tracker. */
  hasUnsettled(): boolean {
    return this.#select(`${UNSETTLED} LIMIT 1`).get() !== undefined;
  }

  /** True when the tracker may let others fetch what they may not any more: rights, terms or an end that it does not know of. */
  hasNarrowed(): boolean {
    const where = `${UNSETTLED} AND (state = 'withdrawing' OR wished_rights IS NOT NULL OR wished_terms IS NOT NULL) LIMIT 1`;
    return this.#select(where).get() !== undefined;
  }

  /** Chunk hashes of a present or former content, 32 bytes each; undefined when it is none any more. */
  hashes(fileId: string): Uint8Array | undefined {
    const row =
      this.#prepare('SELECT hashes FROM entry WHERE file_id = ? LIMIT 1').get(fileId) ??
      this.#prepare('SELECT hashes FROM former WHERE file_id = ? LIMIT 1').get(fileId);
    return row?.['hashes'] as Uint8Array | undefined;
  }

  /** Records a hashed file, or a folder by its listing, under `name`; keeps the publicationId and revision the name already had, and what was there before apart. */
  put(name: string, path: string, file: PutFile, wish: Wish = {}): void {
    this.#keepFormer(name, file.fileId);
    const { dev, ino, mtimeNs, ctimeNs } = file.identity;
    const times = [String(dev), String(ino), String(mtimeNs), String(ctimeNs)];
    const wishes = [textOf(wish.rights), this.#termsText(name, wish)];
    this.#prepare(`
      INSERT INTO entry (${FILE_COLUMNS}, state, revision, hashes, wished_rights, wished_terms, files, bytes, listing,
        is_watched, is_described, changed)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 'pending', 0, ?, ?, ?, ?, ?, ?, ?, ?,
        (SELECT coalesce(max(changed), 0) + 1 FROM entry))
      ON CONFLICT (name) DO UPDATE SET path = excluded.path, file_id = excluded.file_id, size = excluded.size, dev = excluded.dev,
        ino = excluded.ino, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, state = 'pending', hashes = excluded.hashes,
        wished_rights = coalesce(excluded.wished_rights, wished_rights), wished_terms = coalesce(excluded.wished_terms, wished_terms),
        files = excluded.files, bytes = excluded.bytes, listing = excluded.listing, is_watched = excluded.is_watched,
        is_described = excluded.is_described, changed = excluded.changed
    `).run(name, path, file.fileId, file.size, ...times, file.hashes, ...wishes, ...folderValues(file.folder));
  }

  /** The tracker knows every path of the folder. */
  setDescribed(name: string, fileId: string): void {
    this.#prepare('UPDATE entry SET is_described = 1 WHERE name = ? AND file_id = ?').run(name, fileId);
  }

  setWatched(name: string, isWatched: boolean): void {
    this.#prepare('UPDATE entry SET is_watched = ? WHERE name = ?').run(isWatched ? 1 : 0, name);
  }

  /** Other rights or terms are wanted for the same content. */
  wish(name: string, wish: Wish): void {
    this.#prepare(
      `UPDATE entry SET state = 'pending', wished_rights = coalesce(?, wished_rights),
          wished_terms = coalesce(?, wished_terms) WHERE name = ?`,
    ).run(textOf(wish.rights), this.#termsText(name, wish), name);
  }

  /** The tracker will not have what was wished for when it was `told`: it holds what did `before`, unless more was wished for since. */
  unwish({ name, fileId, wishedRights, wishedTerms }: Told, before: Told): void {
    this.#prepare(
      `UPDATE entry SET state = ?, wished_rights = ?, wished_terms = ?
          WHERE name = ? AND file_id = ? AND state = 'pending' AND wished_rights IS ? AND wished_terms IS ?`,
    ).run(
      ...[before.state, textOf(before.wishedRights), textOf(before.wishedTerms)],
      ...[name, fileId, textOf(wishedRights), textOf(wishedTerms)],
    );
  }

  /** The tracker has it as it was `told`. What was put, wished for or withdrawn since then is still to be told. */
  settle({ name, fileId, state, wishedRights, wishedTerms }: Told, publicationId: string, revision: number): void {
    const entry = this.byName(name);
    const isWished = wishedRights !== undefined || wishedTerms !== undefined;
    const isSame = entry?.publicationId === publicationId && entry.revision === revision;
    if (isSame && !isWished && entry.state === 'published') return;
    if (isWished) this.setKnown(name, { rights: wishedRights, terms: wishedTerms });
    const [rights, terms] = [textOf(wishedRights), textOf(wishedTerms)];
    this.#prepare(`
      UPDATE entry SET publication_id = ?, revision = ?,
        state = CASE WHEN file_id = ? AND wished_rights IS ? AND wished_terms IS ? AND (state <> 'withdrawing' OR state = ?)
          THEN 'published' ELSE state END,
        wished_rights = nullif(wished_rights, ?), wished_terms = nullif(wished_terms, ?)
      WHERE name = ?
    `).run(publicationId, revision, fileId, rights, terms, state, rights, terms, name);
  }

  /** The tracker has acknowledged these rights or terms. */
  setKnown(name: string, { rights, terms }: Wish): void {
    const row = this.#prepare('SELECT known_terms FROM entry WHERE name = ?').get(name);
    const before = typeof row?.['known_terms'] === 'string' ? (JSON.parse(row['known_terms']) as Terms) : {};
    this.#prepare(
      'UPDATE entry SET known_rights = coalesce(?, known_rights), known_terms = coalesce(?, known_terms) WHERE name = ?',
    ).run(textOf(rights), terms === undefined ? null : textOf({ ...before, ...terms }), name);
  }

  /** The tracker has acknowledged these by themselves: they take the place of what was wished for before. */
  overrule(name: string, wish: Wish): void {
    this.setKnown(name, wish);
    const { rights, terms = {} } = wish;
    const wished = Object.entries(this.byName(name)?.wishedTerms ?? {}).filter(([term]) => !Object.hasOwn(terms, term));
    const left = wished.length === 0 ? null : JSON.stringify(Object.fromEntries(wished));
    this.#prepare('UPDATE entry SET wished_rights = iif(?, wished_rights, NULL), wished_terms = ? WHERE name = ?').run(
      rights === undefined ? 1 : 0,
      left,
      name,
    );
  }

  /** The tracker has forgotten what it had acknowledged: rights and terms of everything are to be told again. */
  wishKnown(): void {
    this.#db.exec(
      `UPDATE entry SET wished_rights = coalesce(wished_rights, known_rights), wished_terms = coalesce(wished_terms, known_terms)`,
    );
  }

  /** The tracker is about to be told of another name; null: it will not be. */
  wishName(name: string, wished: string | null): void {
    this.#prepare('UPDATE entry SET wished_name = ? WHERE name = ?').run(wished, name);
  }

  /** The tracker has the other name. */
  rename(name: string, to: string): void {
    this.#prepare('UPDATE OR REPLACE entry SET name = ?, wished_name = NULL WHERE name = ?').run(to, name);
  }

  /** The tracker is about to be told to forget it. */
  withdraw(name: string): void {
    this.#prepare(`UPDATE entry SET state = 'withdrawing' WHERE name = ?`).run(name);
  }

  /** The tracker has forgotten it; an entry that was published anew meanwhile stays. */
  forget(name: string): void {
    this.#dropFormer(name);
    this.#prepare(`DELETE FROM entry WHERE name = ? AND state = 'withdrawing'`).run(name);
  }

  remove(name: string): void {
    this.#dropFormer(name);
    this.#prepare('DELETE FROM entry WHERE name = ?').run(name);
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #select(where: string): StatementSync {
    return this.#prepare(`SELECT ${COLUMNS} FROM entry WHERE ${where}`);
  }

  /** With those wished for before: a passcode that the tracker has not heard of must not be lost to a later wish. */
  #termsText(name: string, { terms }: Wish): string | null {
    return terms === undefined ? null : textOf({ ...this.byName(name)?.wishedTerms, ...terms });
  }

  #keepFormer(name: string, fileId: string): void {
    const columns = `${FILE_COLUMNS}, hashes`;
    const { changes } = this.#prepare(
      `INSERT OR REPLACE INTO former (${columns}) SELECT ${columns} FROM entry
          WHERE name = ? AND file_id <> ? AND publication_id <> '' AND listing IS NULL`,
    ).run(name, fileId);
    if (changes === 0) return;
    this.#prepare(
      `DELETE FROM former WHERE publication_id = (SELECT publication_id FROM entry WHERE name = ?) AND id NOT IN (
          SELECT id FROM former WHERE publication_id = (SELECT publication_id FROM entry WHERE name = ?)
          ORDER BY id DESC LIMIT ${MAX_FORMER})`,
    ).run(name, name);
  }

  #dropFormer(name: string): void {
    this.#prepare('DELETE FROM former WHERE publication_id = (SELECT publication_id FROM entry WHERE name = ?)').run(
      name,
    );
  }
}

/** One content of a publication, and the file that has it. */
export type Content = Pick<
  LibraryEntry,
  'name' | 'path' | 'fileId' | 'sizeBytes' | 'identity' | 'publicationId' | 'listing'
>;

function textOf(value: object | string | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function folderValues(folder: PutFile['folder']): (string | number | null)[] {
  if (folder === undefined) return [null, null, null, 0, 1];
  return [folder.files, folder.bytes, folder.listing, folder.isWatched ? 1 : 0, 0];
}
