/** The tables of the library, brought up to date when it is opened. */
import { DatabaseSync } from 'node:sqlite';

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
  CREATE TABLE IF NOT EXISTS former (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, path TEXT NOT NULL, file_id TEXT NOT NULL, size INTEGER NOT NULL,
    dev TEXT NOT NULL, ino TEXT NOT NULL, mtime_ns TEXT NOT NULL, ctime_ns TEXT NOT NULL,
    publication_id TEXT NOT NULL, hashes BLOB NOT NULL, UNIQUE (publication_id, file_id)
  );
  CREATE INDEX IF NOT EXISTS entry_inode ON entry (ino, dev);
  CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`;
/** Several commands of one user may open it at once, and opening locks it for a moment: so long one waits, ms. */
const LOCK_WAIT_MS = 5_000;
export const FILE_COLUMNS = 'name, path, file_id, size, dev, ino, mtime_ns, ctime_ns, publication_id';
/** Columns that a library of an earlier version has not. */
const LATER_COLUMNS = {
  wished_rights: 'TEXT',
  wished_terms: 'TEXT',
  wished_name: 'TEXT',
  files: 'INTEGER',
  bytes: 'INTEGER',
  listing: 'TEXT',
  is_watched: 'INTEGER NOT NULL DEFAULT 0',
  is_described: 'INTEGER NOT NULL DEFAULT 1',
  known_rights: 'TEXT',
  known_terms: 'TEXT',
  changed: 'INTEGER NOT NULL DEFAULT 0',
} as const;
export const COLUMNS = `${FILE_COLUMNS}, state, revision, ${Object.keys(LATER_COLUMNS).join(', ')}`;
/** Something of an entry must be told to the tracker. The index is used where a statement has the very same condition. */
export const UNSETTLED = `(state <> 'published' OR wished_name IS NOT NULL OR is_described = 0 OR wished_rights IS NOT NULL
  OR wished_terms IS NOT NULL)`;
/** With a million entries a statement that looks at them all stops everything for seconds. */
const INDEXES = `
  CREATE INDEX IF NOT EXISTS entry_changed ON entry (changed, name);
  CREATE INDEX IF NOT EXISTS entry_unsettled ON entry (changed, name) WHERE ${UNSETTLED};
  CREATE INDEX IF NOT EXISTS entry_wished_name ON entry (wished_name) WHERE wished_name IS NOT NULL;
  CREATE INDEX IF NOT EXISTS entry_watched ON entry (name) WHERE is_watched = 1;
`;

/** Opens the library in `file`, made when it is not there. */
export function openLibraryTable(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: LOCK_WAIT_MS });
  db.exec(SCHEMA);
  addLaterColumns(db);
  db.exec(INDEXES);
  return db;
}

/** Of several commands that open a library of an earlier version at once, one adds them. */
function addLaterColumns(db: DatabaseSync): void {
  const missing = (): [string, string][] => {
    const there = new Set(
      db
        .prepare('PRAGMA table_info(entry)')
        .all()
        .map(({ name }) => name),
    );
    return Object.entries(LATER_COLUMNS).filter(([name]) => !there.has(name));
  };
  if (missing().length === 0) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const [name, type] of missing()) db.exec(`ALTER TABLE entry ADD COLUMN ${name} ${type}`);
  } finally {
    db.exec('COMMIT');
  }
}
