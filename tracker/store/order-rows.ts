/** The step of `migrations.ts` that numbers rows of publications anew. A step that was released never changes. */
import type { DatabaseSync } from 'node:sqlite';

const PUBLICATIONS = `
CREATE TABLE ordered_publications (
  row_id INTEGER PRIMARY KEY,
  publication_id TEXT NOT NULL UNIQUE,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  device_id INTEGER NOT NULL REFERENCES devices (id),
  name TEXT NOT NULL,
  fold TEXT NOT NULL,
  file_id TEXT NOT NULL,
  size INTEGER NOT NULL,
  kind TEXT NOT NULL,
  revision INTEGER NOT NULL,
  published_at INTEGER NOT NULL,
  is_public INTEGER NOT NULL DEFAULT 1,
  passcode_hash TEXT,
  expires_at INTEGER,
  max_downloads INTEGER,
  burns INTEGER NOT NULL DEFAULT 0,
  downloads INTEGER NOT NULL DEFAULT 0,
  ended TEXT CHECK (ended IN ('expired', 'burned')),
  removal TEXT NOT NULL DEFAULT 'owner'
) STRICT;
INSERT INTO ordered_publications SELECT row_number() OVER (ORDER BY published_at, publication_id), publication_id, account_id, device_id,
  name, fold, file_id, size, kind, revision, published_at, is_public, passcode_hash, expires_at, max_downloads, burns, downloads, ended,
  removal FROM publications ORDER BY published_at, publication_id;
`;

/** What speaks of rows by their number, with what else it holds: numbers change with new content now. */
const BESIDE = [
  { table: 'publication_users', rest: 'account_id INTEGER NOT NULL REFERENCES accounts (id)', key: 'account_id' },
  {
    table: 'publication_groups',
    rest: 'group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE',
    key: 'group_id',
  },
  {
    table: 'unlocks',
    rest: 'account_id INTEGER NOT NULL REFERENCES accounts (id), at INTEGER NOT NULL',
    key: 'account_id',
    columns: 'account_id, at',
  },
  {
    table: 'counted_downloads',
    rest: 'account_id INTEGER NOT NULL REFERENCES accounts (id), at INTEGER NOT NULL',
    key: 'account_id',
    columns: 'account_id, at',
  },
];

const INDEXES = `
CREATE INDEX publication_users_account ON publication_users (account_id);
CREATE INDEX publication_groups_group ON publication_groups (group_id);
CREATE INDEX unlocks_at ON unlocks (at);
CREATE INDEX counted_downloads_at ON counted_downloads (at);
CREATE UNIQUE INDEX publications_name ON publications (fold, account_id, (CASE name WHEN fold THEN '' ELSE name END));
CREATE INDEX publications_of_account ON publications (account_id);
CREATE INDEX publications_of_device ON publications (device_id);
CREATE INDEX publications_file ON publications (substr(file_id, 1, 8));
CREATE INDEX publications_size ON publications (size, publication_id);
CREATE INDEX publications_expiring ON publications (expires_at) WHERE expires_at IS NOT NULL AND ended IS NOT 'expired';
CREATE INDEX publications_hidden ON publications (device_id) WHERE is_public = 0 OR ended IS NOT NULL;
INSERT INTO counters (name, value) SELECT 'row', coalesce(max(row_id), 0) FROM publications;
`;

const INDEXED = `(SELECT value FROM counters WHERE name = 'indexed')`;
/** Numbers in it count down from 2^40, so that the newest row comes first. Rows that are gone are taken out by the text they had. */
const NAMES = `
INSERT INTO counters (name, value) SELECT 'indexed', value FROM counters WHERE name = 'row';
CREATE VIEW indexed_publications AS SELECT 1099511627776 - row_id AS place, fold FROM publications WHERE row_id <= ${INDEXED};
CREATE VIRTUAL TABLE publications_trigrams USING fts5 (
  fold, content = 'indexed_publications', content_rowid = 'place', tokenize = 'trigram case_sensitive 1', detail = none, columnsize = 0
);
INSERT INTO publications_trigrams (rowid, fold) SELECT 1099511627776 - row_id, fold FROM publications ORDER BY row_id DESC;
CREATE TRIGGER publications_deleted AFTER DELETE ON publications WHEN old.row_id <= ${INDEXED} BEGIN
  INSERT INTO publications_trigrams (publications_trigrams, rowid, fold) VALUES ('delete', 1099511627776 - old.row_id, old.fold);
END;
CREATE TRIGGER publications_moved AFTER UPDATE OF row_id, fold ON publications WHEN old.row_id <= ${INDEXED} BEGIN
  INSERT INTO publications_trigrams (publications_trigrams, rowid, fold) VALUES ('delete', 1099511627776 - old.row_id, old.fold);
  INSERT INTO publications_trigrams (rowid, fold) SELECT 1099511627776 - new.row_id, new.fold WHERE new.row_id <= ${INDEXED};
END;
`;

const TRIGGERS_OF_FOLDERS = ['folders_copies_new', 'folders_copies_replace'];
const TRIGGERS_OF_PUBLICATIONS = [
  'publications_copies_drop',
  'publications_copies_replace',
  'folder_publications_deleted',
];

/**
 * Rows of publications are numbered in the order of lists, (published_at, publication_id), so that the newest ones are read from the table
 * itself, see `row-order.ts`; `counters.row` is the last number that was given. Indexes whose entries lie anywhere cost the most: one serves
 * look-ups by name and the order of names, its third column is empty for most. The index of names has trigrams without their places, see `name-index.ts`.
 */
export function orderRows(database: DatabaseSync): void {
  const triggers = [...TRIGGERS_OF_FOLDERS, ...TRIGGERS_OF_PUBLICATIONS].map((name) => textOf(database, name));
  // They speak of a table that is not there for a moment.
  for (const name of TRIGGERS_OF_FOLDERS) database.exec(`DROP TRIGGER ${name}`);
  database.exec('DROP TABLE publications_trigrams');
  database.exec(PUBLICATIONS);
  for (const { table, rest, key, columns = key } of BESIDE) {
    database.exec(`CREATE TABLE ordered_${table} (
        row_id INTEGER NOT NULL REFERENCES ordered_publications (row_id) ON DELETE CASCADE ON UPDATE CASCADE,
        ${rest}, PRIMARY KEY (row_id, ${key})) STRICT, WITHOUT ROWID;
      INSERT INTO ordered_${table} (row_id, ${columns}) SELECT n.row_id, ${columns.replace(key, `c.${key}`)} FROM ${table} AS c
        JOIN publications AS p ON p.row_id = c.row_id JOIN ordered_publications AS n ON n.publication_id = p.publication_id;
      DROP TABLE ${table}`);
  }
  // Nothing refers to it any more: nothing goes with it.
  database.exec('DROP TABLE publications; ALTER TABLE ordered_publications RENAME TO publications');
  for (const { table } of BESIDE) database.exec(`ALTER TABLE ordered_${table} RENAME TO ${table}`);
  database.exec(INDEXES);
  for (const trigger of triggers) database.exec(trigger);
  database.exec(NAMES);
}

function textOf(database: DatabaseSync, trigger: string): string {
  return String(database.prepare('SELECT sql FROM sqlite_schema WHERE name = ?').get(trigger)?.['sql']);
}
