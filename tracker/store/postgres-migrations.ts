/**
 * The schema on PostgreSQL, as numbered steps: `shoal_schema` says how many were taken. A step that was released never changes. Texts
 * compare as bytes, as on SQLite: COLLATE "C". What the tables mean is said in `migrations.ts` and `tables.ts`.
 */
import type { ClientBase } from 'pg';
import { IS_ALIVE } from './postgres-lease.js';
import { StoreError } from './store-error.js';

/** Of NOTIFY. */
export const NEWS_CHANNEL = 'shoal_news';

const INITIAL = `
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Held by every write in a mode that lets others write; one that was often in conflict asks for it alone.
CREATE TABLE write_gate ();

CREATE TABLE accounts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  "user" text NOT NULL,
  user_fold text COLLATE "C" NOT NULL UNIQUE,
  password_hash text NOT NULL,
  state text NOT NULL CHECK (state IN ('active', 'disabled', 'removed')),
  generation bigint NOT NULL,
  publications bigint NOT NULL,
  created_at bigint NOT NULL,
  is_admin smallint NOT NULL DEFAULT 0,
  is_depot smallint NOT NULL DEFAULT 0,
  paths bigint NOT NULL DEFAULT 0
);

CREATE TABLE devices (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id bigint NOT NULL REFERENCES accounts (id),
  pin text COLLATE "C" NOT NULL,
  last_login_at bigint,
  revision bigint NOT NULL,
  publications bigint NOT NULL,
  last_seen_at bigint,
  UNIQUE (account_id, pin)
);

CREATE TABLE publications (
  row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  publication_id text COLLATE "C" NOT NULL UNIQUE,
  account_id bigint NOT NULL REFERENCES accounts (id),
  device_id bigint NOT NULL REFERENCES devices (id),
  name text COLLATE "C" NOT NULL,
  fold text COLLATE "C" NOT NULL,
  file_id text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  kind text NOT NULL,
  revision bigint NOT NULL,
  is_public smallint NOT NULL DEFAULT 1,
  passcode_hash text,
  expires_at bigint,
  max_downloads bigint,
  burns smallint NOT NULL DEFAULT 0,
  downloads bigint NOT NULL DEFAULT 0,
  ended text CHECK (ended IN ('expired', 'burned')),
  removal text NOT NULL DEFAULT 'owner',
  published_at bigint NOT NULL,
  UNIQUE (account_id, name)
);
CREATE INDEX publications_newest ON publications (published_at, publication_id);
CREATE INDEX publications_of_account ON publications (account_id, published_at, publication_id);
CREATE INDEX publications_of_device ON publications (device_id, published_at, publication_id);
CREATE INDEX publications_fold ON publications (fold, publication_id);
CREATE INDEX publications_file ON publications (file_id);
CREATE INDEX publications_size ON publications (size, publication_id);
CREATE INDEX publications_expiring ON publications (expires_at) WHERE expires_at IS NOT NULL AND ended IS DISTINCT FROM 'expired';
CREATE INDEX publications_hidden ON publications (device_id) WHERE is_public = 0 OR ended IS NOT NULL;
CREATE INDEX publications_trigrams ON publications USING gin (fold gin_trgm_ops);

CREATE TABLE groups (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, fold text COLLATE "C" NOT NULL UNIQUE
);
CREATE TABLE group_members (
  group_id bigint NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  account_id bigint NOT NULL REFERENCES accounts (id),
  PRIMARY KEY (group_id, account_id)
);
CREATE INDEX group_members_account ON group_members (account_id);
CREATE TABLE publication_users (
  row_id bigint NOT NULL REFERENCES publications (row_id) ON DELETE CASCADE,
  account_id bigint NOT NULL REFERENCES accounts (id),
  PRIMARY KEY (row_id, account_id)
);
CREATE INDEX publication_users_account ON publication_users (account_id);
CREATE TABLE publication_groups (
  row_id bigint NOT NULL REFERENCES publications (row_id) ON DELETE CASCADE,
  group_id bigint NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  PRIMARY KEY (row_id, group_id)
);
CREATE INDEX publication_groups_group ON publication_groups (group_id);

CREATE TABLE outcomes (
  session text COLLATE "C" NOT NULL,
  request_id text COLLATE "C" NOT NULL,
  body_hash text NOT NULL,
  body text NOT NULL,
  at bigint NOT NULL,
  acked_at bigint,
  PRIMARY KEY (session, request_id)
);
CREATE INDEX outcomes_at ON outcomes (at);
CREATE TABLE ended_sessions (session text COLLATE "C" PRIMARY KEY, at bigint NOT NULL);

CREATE TABLE revocations (
  epoch bigint PRIMARY KEY, kind text NOT NULL, subject text COLLATE "C" NOT NULL, "user" text, at bigint NOT NULL
);
CREATE TABLE counters (name text COLLATE "C" PRIMARY KEY, value bigint NOT NULL);
INSERT INTO counters (name, value) VALUES ('epoch', 0), ('policy', 0), ('reload', 0);

CREATE TABLE tickets (
  publication_id text COLLATE "C" NOT NULL,
  device text COLLATE "C" NOT NULL,
  user_fold text COLLATE "C" NOT NULL,
  file_id text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (publication_id, device, user_fold, file_id)
);
CREATE INDEX tickets_user ON tickets (user_fold);
CREATE TABLE unlocks (
  row_id bigint NOT NULL REFERENCES publications (row_id) ON DELETE CASCADE,
  account_id bigint NOT NULL REFERENCES accounts (id),
  at bigint NOT NULL,
  PRIMARY KEY (row_id, account_id)
);
CREATE INDEX unlocks_at ON unlocks (at);
CREATE TABLE counted_downloads (
  row_id bigint NOT NULL REFERENCES publications (row_id) ON DELETE CASCADE,
  account_id bigint NOT NULL REFERENCES accounts (id),
  at bigint NOT NULL,
  PRIMARY KEY (row_id, account_id)
);
CREATE INDEX counted_downloads_at ON counted_downloads (at);

CREATE TABLE bans (
  kind text COLLATE "C" NOT NULL,
  fold text COLLATE "C" NOT NULL,
  subject text NOT NULL,
  reason text NOT NULL,
  until bigint,
  at bigint NOT NULL,
  PRIMARY KEY (kind, fold)
);
CREATE TABLE limits (
  kind text COLLATE "C" NOT NULL,
  fold text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  subject text NOT NULL,
  value bigint NOT NULL,
  PRIMARY KEY (kind, fold, name)
);
CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at bigint NOT NULL,
  kind text NOT NULL,
  "user" text NOT NULL,
  user_fold text COLLATE "C" NOT NULL,
  device text,
  address text,
  subject text,
  detail text
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_user ON audit (user_fold, id);

CREATE TABLE copies (
  copy_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  publication_id text COLLATE "C" NOT NULL,
  device_id bigint NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  owner_id bigint NOT NULL,
  name text NOT NULL,
  wanted_file text COLLATE "C",
  size bigint NOT NULL,
  held_file text COLLATE "C",
  held_size bigint NOT NULL DEFAULT 0,
  is_full smallint NOT NULL DEFAULT 0,
  is_named smallint NOT NULL DEFAULT 0,
  UNIQUE (publication_id, device_id)
);
CREATE INDEX copies_work ON copies (device_id, copy_id) WHERE wanted_file IS NULL OR wanted_file IS DISTINCT FROM held_file;
CREATE INDEX copies_device ON copies (device_id, copy_id);
CREATE INDEX copies_owner ON copies (owner_id);
CREATE TABLE removed (publication_id text COLLATE "C" PRIMARY KEY, at bigint NOT NULL);

CREATE TABLE folders (
  folder bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  publication_id text COLLATE "C" NOT NULL UNIQUE,
  account_id bigint NOT NULL,
  files bigint NOT NULL,
  listing_size bigint NOT NULL,
  paths bigint NOT NULL,
  described text NOT NULL
);
CREATE TABLE paths (
  path_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  folder bigint NOT NULL,
  path text COLLATE "C" NOT NULL,
  fold text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  file_id text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX paths_only ON paths (folder, md5(path));
CREATE INDEX paths_of_folder ON paths (folder, path_id);
CREATE INDEX paths_trigrams ON paths USING gin (fold gin_trgm_ops);
CREATE TABLE gone_folders (folder bigint PRIMARY KEY);

CREATE FUNCTION publication_deleted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE copies SET wanted_file = NULL, size = 0 WHERE publication_id = old.publication_id;
  IF old.kind = 'folder' THEN DELETE FROM folders WHERE publication_id = old.publication_id; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER publications_deleted AFTER DELETE ON publications FOR EACH ROW EXECUTE FUNCTION publication_deleted();

CREATE FUNCTION publication_replaced() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE copies SET wanted_file = new.file_id, size = new.size, is_full = 0
    WHERE publication_id = new.publication_id AND wanted_file IS NOT NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER publications_replaced AFTER UPDATE OF file_id ON publications FOR EACH ROW
  WHEN (new.file_id <> old.file_id) EXECUTE FUNCTION publication_replaced();

CREATE FUNCTION folder_deleted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO gone_folders (folder) VALUES (old.folder);
  UPDATE accounts SET paths = paths - old.paths WHERE id = old.account_id;
  RETURN NULL;
END $$;
CREATE TRIGGER folders_deleted AFTER DELETE ON folders FOR EACH ROW EXECUTE FUNCTION folder_deleted();

CREATE FUNCTION folder_listed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE copies SET size = (SELECT size FROM publications WHERE publication_id = new.publication_id) + new.listing_size
    WHERE publication_id = new.publication_id AND wanted_file IS NOT NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER folders_copies AFTER INSERT OR UPDATE OF listing_size ON folders FOR EACH ROW EXECUTE FUNCTION folder_listed();
`;

/**
 * What nodes tell one another: who is online where, and who holds what. UNLOGGED: it is worth nothing after a crash of the server, and
 * nodes whose row is gone tell everything anew.
 */
const NODES = `
-- Which identity and seal key all nodes share.
CREATE TABLE shared_keys (name text PRIMARY KEY, fingerprint text NOT NULL);

CREATE UNLOGGED TABLE nodes (
  node text COLLATE "C" PRIMARY KEY,
  host text,
  port bigint NOT NULL,
  beat_at timestamptz NOT NULL,
  -- Rises with each change it tells. Rows of things that are gone, up to the purged one, are gone too.
  version bigint NOT NULL,
  purged bigint NOT NULL,
  -- The last one it sent.
  message bigint NOT NULL,
  has_searches boolean NOT NULL
);
CREATE UNLOGGED TABLE live_sessions (
  node text COLLATE "C" NOT NULL, session text COLLATE "C" NOT NULL, version bigint NOT NULL, facts text,
  PRIMARY KEY (node, session)
);
CREATE INDEX live_sessions_version ON live_sessions (node, version);
CREATE UNLOGGED TABLE live_holds (
  node text COLLATE "C" NOT NULL, session text COLLATE "C" NOT NULL, publication_id text COLLATE "C" NOT NULL,
  version bigint NOT NULL, fact text,
  PRIMARY KEY (node, session, publication_id)
);
CREATE INDEX live_holds_version ON live_holds (node, version);
CREATE UNLOGGED TABLE node_messages (
  node text COLLATE "C" NOT NULL, message bigint NOT NULL, at timestamptz NOT NULL, body text NOT NULL,
  PRIMARY KEY (node, message)
);
-- One serving session a user, wherever it is.
CREATE UNLOGGED TABLE slots (user_fold text COLLATE "C" PRIMARY KEY, session text NOT NULL, node text NOT NULL);
CREATE SEQUENCE claims;
`;

/** What is urgent wakes the nodes, which also look by themselves. The payload is the node that tells it; empty: anybody. */
const WAKING = `
CREATE FUNCTION decided() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pg_notify('${NEWS_CHANNEL}', '');
  RETURN NULL;
END $$;
CREATE TRIGGER counters_decided AFTER UPDATE ON counters FOR EACH STATEMENT EXECUTE FUNCTION decided();

-- What a node's program knows of: how many steps.
ALTER TABLE nodes ADD COLUMN schema bigint NOT NULL DEFAULT 2;
`;

export interface MigrationStep {
  readonly sql: string;
  /** Programs that know only the steps before can go on beside it: it adds, and what it adds may be left out. */
  readonly isAdditive: boolean;
}

/** What two devices have signed about a download. */
const RECEIPTS = 'ALTER TABLE audit ADD COLUMN proof text;';

/** What is relayed for a user has a limit a day. */
const RELAYED = `
CREATE TABLE relayed (
  day bigint NOT NULL, user_fold text COLLATE "C" NOT NULL, bytes bigint NOT NULL, PRIMARY KEY (day, user_fold)
);
`;

/** So that one account cannot fill the disk with outcomes that it never acknowledges. */
const OUTCOMES_OF_USER = `
ALTER TABLE outcomes ADD COLUMN user_fold text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX outcomes_user ON outcomes (user_fold, at);
`;

export const STEPS: readonly MigrationStep[] = [
  ...[INITIAL, NODES, WAKING, RECEIPTS, RELAYED, OUTCOMES_OF_USER].map((sql) => ({ sql, isAdditive: true })),
];

/** Of the advisory lock under which steps are taken: several nodes may start at once. */
const LOCK = 7_546_501;

/**
 * Brings the database to the newest schema, each step in its own transaction.
 * @throws {StoreError} `newer-schema` when a newer version has written it; `older-nodes` when a step would break what still runs.
 */
export async function migrate(client: ClientBase, steps = STEPS): Promise<void> {
  for (;;) {
    await client.query('BEGIN');
    try {
      await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
      await client.query('CREATE TABLE IF NOT EXISTS shoal_schema (version bigint NOT NULL)');
      const version = await schemaVersion(client);
      if (version > steps.length) throw newerSchema();
      const step = steps[version];
      if (step !== undefined) {
        if (!step.isAdditive) await refuseBesideOlder(client, version);
        await client.query(step.sql);
        await client.query('DELETE FROM shoal_schema');
        await client.query('INSERT INTO shoal_schema VALUES ($1)', [version + 1]);
      }
      await client.query('COMMIT');
      if (step === undefined) return;
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    }
  }
}

async function refuseBesideOlder(client: ClientBase, version: number): Promise<void> {
  const { rows } = await client.query<{ place: string }>(
    `SELECT coalesce(host || ':' || port, 'one that nobody is told of') AS place FROM nodes WHERE ${IS_ALIVE} AND schema <= $1 ORDER BY 1`,
    [version],
  );
  if (rows.length === 0) return;
  const places = rows.map(({ place }) => place).join(', ');
  throw new StoreError(
    'older-nodes',
    `this version changes the store in a way that nodes of an older one cannot go on with, and some run: ${places}. ` +
      'Stop them, then start this one. Peers come back by themselves.',
  );
}

async function schemaVersion(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ version: number }>('SELECT version FROM shoal_schema');
  return rows[0]?.version ?? 0;
}

function newerSchema(): StoreError {
  return new StoreError(
    'newer-schema',
    'the store was written by a newer version of shoal. Install that version, or name another database with --store.',
  );
}
