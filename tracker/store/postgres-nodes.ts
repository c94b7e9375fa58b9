/** `NodeStore` in PostgreSQL. Leases are judged by the server's clock alone. */
import type { PoolClient } from 'pg';
import { ClaimGroup, type SlotClaim } from './claim-group.js';
import { foldUser } from './fold-user.js';
import type { Heard, NodeFacts, NodeNews, NodeStore, OwnNews } from './node-store.js';
import type { Connections } from './postgres-connections.js';
import { fromPostgres } from './postgres-errors.js';
import { IS_ALIVE } from './postgres-lease.js';
import { NEWS_CHANNEL, STEPS } from './postgres-migrations.js';
import { PostgresNews } from './postgres-news.js';
import type { PostgresPlace } from './postgres-place.js';
import { StoreError } from './store-error.js';

/** Rows of a node that is dead for so long are removed; should it come back, it joins anew. */
const FORGET_DEAD = "interval '60 seconds'";
const FORGET_MESSAGES = "interval '30 seconds'";
const TABLES_OF_NODE = ['live_sessions', 'live_holds', 'node_messages', 'slots', 'nodes'] as const;

export function postgresNodes(connections: Connections, { url, shown: place }: PostgresPlace): NodeStore {
  const inStep = async <T>(step: (client: PoolClient) => Promise<T>): Promise<T> => {
    const { client } = await connections.writer().catch((error: unknown) => {
      throw fromPostgres(error, place);
    });
    try {
      await client.query('BEGIN');
      const value = await step(client);
      await client.query('COMMIT');
      client.release();
      return value;
    } catch (error) {
      client.release(true); // rolled back with its connection
      throw fromPostgres(error, place);
    }
  };
  const claims = new ClaimGroup((slots) => inStep((client) => claimAll(client, slots)));
  return {
    join: (facts, keys) => inStep((client) => join(client, facts, keys)),
    tell: (node, news) => inStep((client) => tell(client, node, news)),
    hear: (node, heard) => inStep((client) => hear(client, node, heard)),
    claim: (slot) => claims.claim(slot),
    leave: (node) => inStep((client) => remove(client, [node])),
    listen: (onNews) => new PostgresNews(url, onNews),
  };
}

async function join(
  client: PoolClient,
  { node, host, port }: NodeFacts,
  keys: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, fingerprint] of Object.entries(keys)) {
    await client.query('INSERT INTO shared_keys VALUES ($1, $2) ON CONFLICT DO NOTHING', [name, fingerprint]);
    const { rows } = await client.query('SELECT fingerprint FROM shared_keys WHERE name = $1', [name]);
    if (rows[0]?.fingerprint !== fingerprint) throw otherKeys(name);
  }
  const dead = await client.query(`SELECT node FROM nodes WHERE beat_at < clock_timestamp() - ${FORGET_DEAD}`);
  await remove(
    client,
    dead.rows.map((row) => row.node),
  );
  await client.query(
    `INSERT INTO nodes (node, host, port, beat_at, version, purged, message, has_searches, schema)
      VALUES ($1, $2, $3, clock_timestamp(), 0, 0, 0, false, $4)`,
    [node, host, port, STEPS.length],
  );
}

function otherKeys(name: string): StoreError {
  return new StoreError(
    'other-keys',
    `the ${name} of this node is not that of the nodes that share its store. Give all of them the same --identity and --seal-key.`,
  );
}

async function remove(client: PoolClient, nodes: readonly string[]): Promise<void> {
  if (nodes.length === 0) return;
  for (const table of TABLES_OF_NODE) await client.query(`DELETE FROM ${table} WHERE node = ANY($1)`, [nodes]);
}

async function tell(client: PoolClient, node: string, news: OwnNews): Promise<boolean> {
  const { version, sessions, holds, messages, message, freed, purge } = news;
  const { rowCount } = await client.query(
    `UPDATE nodes SET beat_at = clock_timestamp(), version = $2, message = $3, has_searches = $4, purged = greatest(purged, $5)
      WHERE node = $1`,
    [node, version, message + messages.length, news.hasSearches, purge],
  );
  if (rowCount !== 1) return false;
  if (sessions.length > 0)
    await client.query(
      `INSERT INTO live_sessions SELECT $1, s, $2, f FROM unnest($3::text[], $4::text[]) AS news (s, f)
        ON CONFLICT (node, session) DO UPDATE SET version = excluded.version, facts = excluded.facts`,
      [node, version, sessions.map(({ session }) => session), sessions.map(({ facts }) => facts)],
    );
  if (holds.length > 0)
    await client.query(
      `INSERT INTO live_holds SELECT $1, s, p, $2, f FROM unnest($3::text[], $4::text[], $5::text[]) AS news (s, p, f)
        ON CONFLICT (node, session, publication_id) DO UPDATE SET version = excluded.version, fact = excluded.fact`,
      [
        node,
        version,
        holds.map(({ session }) => session),
        holds.map(({ publicationId }) => publicationId),
        holds.map(({ fact }) => fact),
      ],
    );
  if (messages.length > 0) {
    await client.query(
      `INSERT INTO node_messages SELECT $1, $2 + n, clock_timestamp(), b FROM unnest($3::text[]) WITH ORDINALITY AS news (b, n)
        ON CONFLICT DO NOTHING`,
      [node, message, messages],
    );
    await client.query(`SELECT pg_notify('${NEWS_CHANNEL}', $1)`, [node]);
  }
  if (freed.length > 0)
    await client.query('DELETE FROM slots WHERE node = $1 AND user_fold = ANY($2)', [node, freed.map(foldUser)]);
  if (sessions.length > 0) await keepSlots(client, node, sessions);
  if (purge > 0) await removeOld(client, node, purge);
  return true;
}

/** Of a session that began while the end of the one before was told, the slot has gone with that one. */
async function keepSlots(client: PoolClient, node: string, sessions: OwnNews['sessions']): Promise<void> {
  await client.query(
    `INSERT INTO slots SELECT lower(f::json ->> 'user') COLLATE "C" AS u, s, $1 FROM unnest($2::text[], $3::text[]) AS news (s, f)
      WHERE f IS NOT NULL ORDER BY u ON CONFLICT DO NOTHING`,
    [node, sessions.map(({ session }) => session), sessions.map(({ facts }) => facts)],
  );
}

async function removeOld(client: PoolClient, node: string, purge: number): Promise<void> {
  await client.query('DELETE FROM live_sessions WHERE node = $1 AND version <= $2 AND facts IS NULL', [node, purge]);
  await client.query('DELETE FROM live_holds WHERE node = $1 AND version <= $2 AND fact IS NULL', [node, purge]);
  await client.query(`DELETE FROM node_messages WHERE node = $1 AND at < clock_timestamp() - ${FORGET_MESSAGES}`, [
    node,
  ]);
}

interface NodeRow {
  readonly node: string;
  readonly host: string | null;
  readonly port: number;
  readonly version: number;
  readonly purged: number;
  readonly message: number;
  readonly has_searches: boolean;
}

async function hear(client: PoolClient, node: string, heard: ReadonlyMap<string, Heard>): Promise<NodeNews[]> {
  await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  const { rows } = await client.query<NodeRow>(`SELECT * FROM nodes WHERE node <> $1 AND ${IS_ALIVE} ORDER BY node`, [
    node,
  ]);
  const news: NodeNews[] = [];
  for (const row of rows) news.push(await hearOne(client, row, heard.get(row.node)));
  return news;
}

async function hearOne(client: PoolClient, row: NodeRow, known: Heard | undefined): Promise<NodeNews> {
  const { node, host, port, version, purged, message, has_searches: hasSearches } = row;
  const isWhole = known === undefined || known.version < purged;
  const since = isWhole ? 0 : known.version;
  const facts = { node, host: host ?? undefined, port, version, message, hasSearches, isWhole };
  const sessions =
    since === version ? [] : await rowsOf(client, 'session, facts', { table: 'live_sessions', node, since });
  const holds =
    since === version
      ? []
      : await rowsOf(client, 'session, publication_id AS "publicationId", fact', { table: 'live_holds', node, since });
  // Messages from before this node listened concern it as little as events from before a peer's login.
  const messages =
    known === undefined || known.message === message
      ? []
      : (
          await client.query('SELECT body FROM node_messages WHERE node = $1 AND message > $2 ORDER BY message', [
            node,
            known.message,
          ])
        ).rows.map(({ body }) => String(body));
  return { ...facts, sessions, holds, messages } as NodeNews;
}

async function rowsOf(
  client: PoolClient,
  columns: string,
  { table, node, since }: { readonly table: string; readonly node: string; readonly since: number },
): Promise<object[]> {
  const { rows } = await client.query(`SELECT ${columns} FROM ${table} WHERE node = $1 AND version > $2`, [
    node,
    since,
  ]);
  return rows;
}

/** In the order of users, so that two nodes that take the same ones do not wait for each other. */
async function claimAll(client: PoolClient, slots: ReadonlyMap<string, SlotClaim>): Promise<Map<string, number>> {
  const all = [...slots];
  const { rows } = await client.query<{ user_fold: string; claim: number }>(
    `WITH taken AS (
      INSERT INTO slots SELECT u, s, n FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (u, s, n) ORDER BY u COLLATE "C"
        ON CONFLICT (user_fold) DO UPDATE SET session = excluded.session, node = excluded.node
          WHERE slots.session = excluded.session OR slots.node = excluded.node
            OR NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.node = slots.node AND ${IS_ALIVE})
        RETURNING user_fold)
      SELECT user_fold, nextval('claims') AS claim FROM taken`,
    [all.map(([fold]) => fold), all.map(([, { session }]) => session), all.map(([, { node }]) => node)],
  );
  return new Map(rows.map(({ user_fold, claim }) => [user_fold, claim]));
}
