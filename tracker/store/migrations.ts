/**
 * The schema, as numbered steps: `user_version` of the file says which were taken. A step that was released never changes;
 * a file with more steps than these belongs to a newer version and is left alone.
 */
import type { DatabaseSync } from 'node:sqlite';
import { orderRows } from './order-rows.js';
import { StoreError } from './store-error.js';

const INITIAL = `
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY,
  user TEXT NOT NULL,
  user_fold TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'removed')),
  generation INTEGER NOT NULL,
  publications INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE devices (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  pin TEXT NOT NULL,
  last_login_at INTEGER,
  revision INTEGER NOT NULL,
  publications INTEGER NOT NULL,
  last_seen_at INTEGER,
  UNIQUE (account_id, pin)
) STRICT;

CREATE TABLE publications (
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
  UNIQUE (account_id, name)
) STRICT;
CREATE INDEX publications_newest ON publications (published_at, publication_id);
CREATE INDEX publications_of_account ON publications (account_id, published_at, publication_id);
CREATE INDEX publications_of_device ON publications (device_id, published_at, publication_id);
CREATE INDEX publications_fold ON publications (fold);
CREATE INDEX publications_file ON publications (file_id);

-- The names themselves lie in the table: the index holds trigrams only. A name never changes, so there is no update trigger.
CREATE VIRTUAL TABLE publications_trigrams USING fts5 (
  fold, content = 'publications', content_rowid = 'row_id', tokenize = 'trigram case_sensitive 1'
);
CREATE TRIGGER publications_inserted AFTER INSERT ON publications BEGIN
  INSERT INTO publications_trigrams (rowid, fold) VALUES (new.row_id, new.fold);
END;
CREATE TRIGGER publications_deleted AFTER DELETE ON publications BEGIN
  INSERT INTO publications_trigrams (publications_trigrams, rowid, fold) VALUES ('delete', old.row_id, old.fold);
END;

CREATE TABLE outcomes (
  session TEXT NOT NULL,
  request_id TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  body TEXT NOT NULL,
  at INTEGER NOT NULL,
  acked_at INTEGER,
  PRIMARY KEY (session, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX outcomes_at ON outcomes (at);

CREATE TABLE ended_sessions (session TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE revocations (epoch INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('epoch', 0);

CREATE TABLE tickets (
  publication_id TEXT NOT NULL,
  device TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (publication_id, device)
) STRICT, WITHOUT ROWID;
`;

/** Who may fetch what. Tickets now say whose they are: narrower rights revoke those of who lost the right. */
const RIGHTS = `
ALTER TABLE publications ADD COLUMN is_public INTEGER NOT NULL DEFAULT 1;
CREATE INDEX publications_limited ON publications (device_id) WHERE is_public = 0;

CREATE TABLE groups (id INTEGER PRIMARY KEY, name TEXT NOT NULL, fold TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE group_members (
  group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  PRIMARY KEY (group_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_account ON group_members (account_id);
CREATE TABLE publication_users (
  row_id INTEGER NOT NULL REFERENCES publications (row_id) ON DELETE CASCADE,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  PRIMARY KEY (row_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX publication_users_account ON publication_users (account_id);
CREATE TABLE publication_groups (
  row_id INTEGER NOT NULL REFERENCES publications (row_id) ON DELETE CASCADE,
  group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  PRIMARY KEY (row_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX publication_groups_group ON publication_groups (group_id);

ALTER TABLE revocations ADD COLUMN user TEXT;

CREATE TABLE user_tickets (
  publication_id TEXT NOT NULL,
  device TEXT NOT NULL,
  user_fold TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (publication_id, device, user_fold)
) STRICT, WITHOUT ROWID;
INSERT INTO user_tickets SELECT t.publication_id, t.device, a.user_fold, t.at FROM tickets t
  JOIN devices d ON d.pin = t.device JOIN accounts a ON a.id = d.account_id;
DROP TABLE tickets;
ALTER TABLE user_tickets RENAME TO tickets;
`;

/** Passcodes, expiry and counted downloads; names that change. A ticket now says for which content: a begun download may go on with it. */
const TERMS = `
ALTER TABLE publications ADD COLUMN passcode_hash TEXT;
ALTER TABLE publications ADD COLUMN expires_at INTEGER;
ALTER TABLE publications ADD COLUMN max_downloads INTEGER;
ALTER TABLE publications ADD COLUMN burns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE publications ADD COLUMN downloads INTEGER NOT NULL DEFAULT 0;
ALTER TABLE publications ADD COLUMN ended TEXT CHECK (ended IN ('expired', 'burned'));
CREATE INDEX publications_expiring ON publications (expires_at) WHERE expires_at IS NOT NULL AND ended IS NOT 'expired';
DROP INDEX publications_limited;
CREATE INDEX publications_hidden ON publications (device_id) WHERE is_public = 0 OR ended IS NOT NULL;

CREATE TABLE unlocks (
  row_id INTEGER NOT NULL REFERENCES publications (row_id) ON DELETE CASCADE,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  at INTEGER NOT NULL,
  PRIMARY KEY (row_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX unlocks_at ON unlocks (at);
CREATE TABLE counted_downloads (
  row_id INTEGER NOT NULL REFERENCES publications (row_id) ON DELETE CASCADE,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  at INTEGER NOT NULL,
  PRIMARY KEY (row_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX counted_downloads_at ON counted_downloads (at);

CREATE TABLE content_tickets (
  publication_id TEXT NOT NULL,
  device TEXT NOT NULL,
  user_fold TEXT NOT NULL,
  file_id TEXT NOT NULL,
  size INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (publication_id, device, user_fold, file_id)
) STRICT, WITHOUT ROWID;
INSERT INTO content_tickets SELECT t.publication_id, t.device, t.user_fold, p.file_id, p.size, t.at FROM tickets t
  JOIN publications p ON p.publication_id = t.publication_id;
DROP TABLE tickets;
ALTER TABLE content_tickets RENAME TO tickets;
CREATE INDEX tickets_user ON tickets (user_fold);

CREATE TRIGGER publications_renamed AFTER UPDATE OF fold ON publications BEGIN
  INSERT INTO publications_trigrams (publications_trigrams, rowid, fold) VALUES ('delete', old.row_id, old.fold);
  INSERT INTO publications_trigrams (rowid, fold) VALUES (new.row_id, new.fold);
END;
`;

/** What administrators have decided, and what was done. `counters.policy` rises with each decision, `reload` when one asks for it. */
const POLICY = `
ALTER TABLE accounts ADD COLUMN is_admin INTEGER NOT NULL DEFAULT 0;
CREATE TABLE bans (
  kind TEXT NOT NULL,
  fold TEXT NOT NULL,
  subject TEXT NOT NULL,
  reason TEXT NOT NULL,
  until INTEGER,
  at INTEGER NOT NULL,
  PRIMARY KEY (kind, fold)
) STRICT, WITHOUT ROWID;
CREATE TABLE limits (
  kind TEXT NOT NULL,
  fold TEXT NOT NULL,
  name TEXT NOT NULL,
  subject TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (kind, fold, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  user TEXT NOT NULL,
  user_fold TEXT NOT NULL,
  device TEXT,
  address TEXT,
  subject TEXT,
  detail TEXT
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_user ON audit (user_fold, id);
INSERT INTO counters (name, value) VALUES ('policy', 0), ('reload', 0);
`;

/** For searches in the order of sizes. */
const SIZES = 'CREATE INDEX publications_size ON publications (size, publication_id);';

/**
 * Stored copies. What a copy shall have and what it has stand apart, so that nothing is lost between the two: `wanted_file` NULL is to be
 * dropped, `held_file` NULL has nothing yet. Triggers keep them true whatever removes or replaces a publication.
 */
const DEPOTS = `
ALTER TABLE accounts ADD COLUMN is_depot INTEGER NOT NULL DEFAULT 0;
ALTER TABLE publications ADD COLUMN removal TEXT NOT NULL DEFAULT 'owner';

CREATE TABLE copies (
  copy_id INTEGER PRIMARY KEY,
  publication_id TEXT NOT NULL,
  device_id INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  owner_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  wanted_file TEXT,
  size INTEGER NOT NULL,
  held_file TEXT,
  held_size INTEGER NOT NULL DEFAULT 0,
  is_full INTEGER NOT NULL DEFAULT 0,
  UNIQUE (publication_id, device_id)
) STRICT;
CREATE INDEX copies_work ON copies (device_id, copy_id) WHERE wanted_file IS NULL OR wanted_file IS NOT held_file;
CREATE INDEX copies_device ON copies (device_id, copy_id);
CREATE INDEX copies_owner ON copies (owner_id);
CREATE TRIGGER publications_copies_drop AFTER DELETE ON publications BEGIN
  UPDATE copies SET wanted_file = NULL, size = 0 WHERE publication_id = old.publication_id;
END;
CREATE TRIGGER publications_copies_replace AFTER UPDATE OF file_id ON publications WHEN new.file_id <> old.file_id BEGIN
  UPDATE copies SET wanted_file = new.file_id, size = new.size, is_full = 0
    WHERE publication_id = new.publication_id AND wanted_file IS NOT NULL;
END;

-- Removed by somebody who is not the device that published them: it must not publish them again.
CREATE TABLE removed (publication_id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Folders and the files inside them. A number of a folder is never given again: its paths may outlive it for a while. */
const FOLDERS = `
CREATE TABLE folders (
  folder INTEGER PRIMARY KEY AUTOINCREMENT,
  publication_id TEXT NOT NULL UNIQUE,
  account_id INTEGER NOT NULL,
  files INTEGER NOT NULL,
  listing_size INTEGER NOT NULL,
  paths INTEGER NOT NULL,
  described TEXT NOT NULL
) STRICT;
CREATE TABLE paths (
  path_id INTEGER PRIMARY KEY,
  folder INTEGER NOT NULL,
  path TEXT NOT NULL,
  fold TEXT NOT NULL,
  size INTEGER NOT NULL,
  file_id TEXT NOT NULL,
  UNIQUE (folder, path)
) STRICT;
CREATE INDEX paths_of_folder ON paths (folder);
CREATE TABLE gone_folders (folder INTEGER PRIMARY KEY) STRICT;
ALTER TABLE accounts ADD COLUMN paths INTEGER NOT NULL DEFAULT 0;

CREATE VIRTUAL TABLE paths_trigrams USING fts5 (
  fold, content = 'paths', content_rowid = 'path_id', tokenize = 'trigram case_sensitive 1'
);
CREATE TRIGGER paths_inserted AFTER INSERT ON paths BEGIN
  INSERT INTO paths_trigrams (rowid, fold) VALUES (new.path_id, new.fold);
END;
CREATE TRIGGER paths_deleted AFTER DELETE ON paths BEGIN
  INSERT INTO paths_trigrams (paths_trigrams, rowid, fold) VALUES ('delete', old.path_id, old.fold);
END;
CREATE TRIGGER folders_deleted AFTER DELETE ON folders BEGIN
  INSERT INTO gone_folders (folder) VALUES (old.folder);
  UPDATE accounts SET paths = paths - old.paths WHERE id = old.account_id;
END;
CREATE TRIGGER folder_publications_deleted AFTER DELETE ON publications WHEN old.kind = 'folder' BEGIN
  DELETE FROM folders WHERE publication_id = old.publication_id;
END;
`;

/** A copy of a folder takes the room of its files and of their list, which is told a moment after the content. */
const FOLDER_COPIES = `
CREATE TRIGGER folders_copies_new AFTER INSERT ON folders BEGIN
  UPDATE copies SET size = (SELECT size FROM publications WHERE publication_id = new.publication_id) + new.listing_size
    WHERE publication_id = new.publication_id AND wanted_file IS NOT NULL;
END;
CREATE TRIGGER folders_copies_replace AFTER UPDATE OF listing_size ON folders BEGIN
  UPDATE copies SET size = (SELECT size FROM publications WHERE publication_id = new.publication_id) + new.listing_size
    WHERE publication_id = new.publication_id AND wanted_file IS NOT NULL;
END;
`;

/** Depots that the owner has named, or whose user may fetch it: of what is not public no other gets new content. */
const NAMED_DEPOTS = `
ALTER TABLE copies ADD COLUMN is_named INTEGER NOT NULL DEFAULT 0;
UPDATE copies SET is_named = 1 WHERE publication_id IN (SELECT publication_id FROM publications WHERE is_public = 0);
`;

/** What two devices have signed about a download. */
const RECEIPTS = 'ALTER TABLE audit ADD COLUMN proof TEXT;';

/** What is relayed for a user has a limit a day. */
const RELAYED = `
CREATE TABLE relayed (
  day INTEGER NOT NULL, user_fold TEXT NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (day, user_fold)
) STRICT, WITHOUT ROWID;
`;

/** So that one account cannot fill the disk with outcomes that it never acknowledges. */
const OUTCOMES_OF_USER = `
ALTER TABLE outcomes ADD COLUMN user_fold TEXT NOT NULL DEFAULT '';
CREATE INDEX outcomes_user ON outcomes (user_fold, at);
`;

type Step = (database: DatabaseSync) => void;
const STEPS: readonly (string | Step)[] = [
  ...[INITIAL, RIGHTS, TERMS, POLICY, SIZES, DEPOTS, FOLDERS, FOLDER_COPIES, NAMED_DEPOTS, RECEIPTS],
  orderRows,
  RELAYED,
  OUTCOMES_OF_USER,
];

/**
 * Brings the file to the newest schema, each step in its own transaction; `until`, for tests, to an older one.
 * @throws {StoreError} `newer-schema` when a newer version has written it.
 */
export function migrate(database: DatabaseSync, until = STEPS.length): void {
  for (let version = schemaVersion(database); version !== until; version = schemaVersion(database)) {
    refuseNewer(database);
    takeStep(database, version);
  }
}

/** @throws {StoreError} `newer-schema`: nothing of the file can be judged by this version. */
export function refuseNewer(database: DatabaseSync): void {
  if (schemaVersion(database) <= STEPS.length) return;
  throw new StoreError(
    'newer-schema',
    'the store was written by a newer version of shoal. Install that version, or use another --data folder.',
  );
}

function takeStep(database: DatabaseSync, version: number): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have taken the step while this one waited for the lock.
    const step = STEPS[version];
    if (schemaVersion(database) === version) {
      if (typeof step === 'function') step(database);
      else if (step !== undefined) database.exec(step);
      database.exec(`PRAGMA user_version = ${version + 1}`);
    }
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}
