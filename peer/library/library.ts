/**
 * What this peer publishes: which file stands behind each name, with its proven hashes, durable in `<state>/library.sqlite`.
 * It knows neither tracker nor network; `publisher.ts` keeps both in step. A row is written before the tracker hears of it and
 * removed after the tracker has forgotten it, so a crash between the two loses nothing and revives nothing.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';

import type { Rights } from '../api.js';
import type { FileIdentity } from './hashing/file-identity.js';
import type { HashedFile } from './hashing/hash-file.js';

/** `pending`: the tracker may not know it yet. `withdrawing`: the tracker may still know it. */
export type EntryState = 'pending' | 'published' | 'withdrawing';

export interface LibraryEntry {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly fileId: string;
  readonly sizeBytes: number;
  readonly identity: FileIdentity;
  readonly state: EntryState;
  /** Empty while `pending` for the first time. */
  readonly publicationId: string;
  readonly revision: number;
  /** Asked for with `pub`, and not known to the tracker yet. */
  readonly wishedRights?: Rights;
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS entry (
    name TEXT PRIMARY KEY, path TEXT NOT NULL, file_id TEXT NOT NULL, size INTEGER NOT NULL,
    dev TEXT NOT NULL, ino TEXT NOT NULL, mtime_ns TEXT NOT NULL, ctime_ns TEXT NOT NULL,
    state TEXT NOT NULL, publication_id TEXT NOT NULL, revision INTEGER NOT NULL, hashes BLOB NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS entry_path ON entry (path);
  CREATE INDEX IF NOT EXISTS entry_file ON entry (file_id);
  CREATE INDEX IF NOT EXISTS entry_publication ON entry (publication_id);
  CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`;
/** Several commands of one user may open it at once, and opening locks it for a moment: so long one waits, ms. */
const LOCK_WAIT_MS = 5_000;
const COLUMNS =
  'name, path, file_id, size, dev, ino, mtime_ns, ctime_ns, state, publication_id, revision, wished_rights';

export class Library {
  readonly #db: DatabaseSync;
  readonly #select: (where: string) => StatementSync;

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { timeout: LOCK_WAIT_MS });
    this.#db.exec(SCHEMA);
    addWishedRights(this.#db);
    const cache = new Map<string, StatementSync>();
    this.#select = (where) => {
      const statement = cache.get(where) ?? this.#db.prepare(`SELECT ${COLUMNS} FROM entry WHERE ${where}`);
      cache.set(where, statement);
      return statement;
    };
  }

  /** The tracker's revision of this device's publications, as last heard. */
  get revision(): number {
    const row = this.#db.prepare(`SELECT value FROM setting WHERE key = 'revision'`).get();
    return Number(row?.['value'] ?? 0);
  }

  set revision(value: number) {
    this.#db
      .prepare(`INSERT INTO setting VALUES ('revision', ?) ON CONFLICT DO UPDATE SET value = excluded.value`)
      .run(value);
  }

  byName(name: string): LibraryEntry | undefined {
    return entryOf(this.#select('name = ?').get(name));
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

  /** Every entry by name, read as needed. */
  *entries(): Generator<LibraryEntry> {
    for (const row of this.#select('1 ORDER BY name').iterate()) yield entryOf(row) as LibraryEntry;
  }

  /** True when something must be told to the tracker. */
  hasUnsettled(): boolean {
    return this.#select(`state <> 'published' LIMIT 1`).get() !== undefined;
  }

  /** Chunk hashes of an entry, 32 bytes each. */
  hashes(name: string): Uint8Array {
    const row = this.#db.prepare('SELECT hashes FROM entry WHERE name = ?').get(name);
    return (row?.['hashes'] as Uint8Array | undefined) ?? new Uint8Array();
  }

  /** Records a hashed file under `name`; keeps the publicationId and revision the name already had. */
  put(name: string, path: string, file: HashedFile & { readonly wishedRights?: Rights | undefined }): void {
    const { dev, ino, mtimeNs, ctimeNs } = file.identity;
    this.#db
      .prepare(`
      INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', '', 0, ?, ?)
      ON CONFLICT (name) DO UPDATE SET path = excluded.path, file_id = excluded.file_id, size = excluded.size, dev = excluded.dev,
        ino = excluded.ino, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, state = 'pending', hashes = excluded.hashes,
        wished_rights = coalesce(excluded.wished_rights, wished_rights)
    `)
      .run(
        name,
        path,
        file.fileId,
        file.size,
        String(dev),
        String(ino),
        String(mtimeNs),
        String(ctimeNs),
        file.hashes,
        rightsText(file.wishedRights),
      );
  }

  /** Other rights are wanted for the same content. */
  wish(name: string, rights: Rights): void {
    this.#db
      .prepare(`UPDATE entry SET state = 'pending', wished_rights = ? WHERE name = ?`)
      .run(rightsText(rights), name);
  }

  /** The tracker has it. */
  settle(name: string, publicationId: string, revision: number): void {
    this.#db
      .prepare(
        `UPDATE entry SET state = 'published', wished_rights = NULL, publication_id = ?, revision = ? WHERE name = ?`,
      )
      .run(publicationId, revision, name);
  }

  /** The tracker is about to be told to forget it. */
  withdraw(name: string): void {
    this.#db.prepare(`UPDATE entry SET state = 'withdrawing' WHERE name = ?`).run(name);
  }

  /** The tracker has forgotten it; an entry that was published anew meanwhile stays. */
  forget(name: string): void {
    this.#db.prepare(`DELETE FROM entry WHERE name = ? AND state = 'withdrawing'`).run(name);
  }

  remove(name: string): void {
    this.#db.prepare('DELETE FROM entry WHERE name = ?').run(name);
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}

/** A library of an earlier version has no such column; of several commands that open it at once, one adds it. */
function addWishedRights(db: DatabaseSync): void {
  const isThere = (): boolean =>
    db
      .prepare('PRAGMA table_info(entry)')
      .all()
      .some(({ name }) => name === 'wished_rights');
  if (isThere()) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    if (!isThere()) db.exec('ALTER TABLE entry ADD COLUMN wished_rights TEXT');
  } finally {
    db.exec('COMMIT');
  }
}

function entryOf(row: Record<string, unknown> | undefined): LibraryEntry | undefined {
  if (row === undefined) return undefined;
  const big = (column: string): bigint => BigInt(row[column] as string);
  return {
    name: row['name'] as string,
    path: row['path'] as string,
    fileId: row['file_id'] as string,
    sizeBytes: Number(row['size']),
    identity: {
      dev: big('dev'),
      ino: big('ino'),
      size: BigInt(Number(row['size'])),
      mtimeNs: big('mtime_ns'),
      ctimeNs: big('ctime_ns'),
    },
    state: row['state'] as EntryState,
    publicationId: row['publication_id'] as string,
    revision: Number(row['revision']),
    ...(typeof row['wished_rights'] === 'string' ? { wishedRights: JSON.parse(row['wished_rights']) as Rights } : {}),
  };
}

function rightsText(rights: Rights | undefined): string | null {
  return rights === undefined ? null : JSON.stringify(rights);
}
