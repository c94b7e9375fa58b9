/** Connections to PostgreSQL: bounded in number and in time, each with the store's methods over it. Reads and writes wait for their own. */
import { HandleEmptyInListsPlugin, Kysely, PostgresDialect, replaceWithNoncontingentExpression } from 'kysely';
import { type ClientConfig, Pool, type PoolClient, types } from 'pg';
import type { LiveSet } from './live-set.js';
import { type Methods, methodsOver } from './store-methods.js';
import type { Tables } from './tables.js';

/** Connections of one node. A tracker of 2 cores is not faster with more, and a server has some hundred for all. */
const READERS = 6;
const WRITERS = 4;
/** Until a connection is there, or free, ms. */
const CONNECT_MS = 2_000;
/** One statement in the server. */
const STATEMENT_MS = 4_000;
/** One statement as seen from here: longer means that the way to the server is cut. The connection is given up then. */
const ANSWER_MS = STATEMENT_MS + 500;
/** What a node that was stopped in the middle of a change keeps locked is free again after this, ms: sooner than others give up waiting. */
const ABANDONED_MS = 3_000;
const IDLE_MS = 30_000;
/** A search holds up nobody but who shares its connection: longer than on SQLite, as each statement is a way to the server and back. */
const SEARCH_BUDGET_MS = 100;

/** Integers come as texts unless one says otherwise: none of ours passes 2^53. */
const NUMBERS: ReadonlySet<number> = new Set([types.builtins.INT8, types.builtins.NUMERIC]);

export interface Connection {
  readonly client: PoolClient;
  readonly methods: Methods;
}

export function configOf(url: string): ClientConfig {
  return {
    connectionString: url,
    application_name: 'shoal tracker',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    types: {
      getTypeParser: (oid, format) =>
        NUMBERS.has(oid) && format !== 'binary' ? Number : types.getTypeParser(oid, format as 'text'),
    },
  };
}

export class Connections {
  readonly #readers: Pool;
  readonly #writers: Pool;
  readonly #methodsByClient = new WeakMap<PoolClient, Methods>();

  constructor(
    url: string,
    private readonly live: LiveSet,
  ) {
    this.#readers = poolOf(url, READERS);
    this.#writers = poolOf(url, WRITERS);
  }

  reader(): Promise<Connection> {
    return this.#take(this.#readers);
  }

  writer(): Promise<Connection> {
    return this.#take(this.#writers);
  }

  async close(): Promise<void> {
    await Promise.all([this.#readers.end(), this.#writers.end()]);
  }

  async #take(pool: Pool): Promise<Connection> {
    const client = await pool.connect();
    const known = this.#methodsByClient.get(client);
    if (known !== undefined) return { client, methods: known };
    const methods = methodsOver(kyselyOver(client), { live: this.live, searchBudgetMs: SEARCH_BUDGET_MS });
    this.#methodsByClient.set(client, methods);
    return { client, methods };
  }
}

function poolOf(url: string, max: number): Pool {
  const pool = new Pool({
    ...configOf(url),
    max,
    idleTimeoutMillis: IDLE_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: ANSWER_MS,
    idle_in_transaction_session_timeout: ABANDONED_MS,
    // What is acknowledged is on the disk, whatever the server does for others.
    onConnect: async (client) => {
      await client.query(
        `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`,
      );
    },
    pipeline: true,
  });
  // A connection that ends while nobody uses it is no event: the next use makes another. In use, its statements fail.
  const ignore = (): void => undefined;
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
}

/** Statements that the server keeps ready; lists of odd lengths make more. */
const MAX_STATEMENTS = 256;
const nameByText = new Map<string, string>();

/** Named, a statement is planned once for each connection. */
function nameOf(text: string): { name?: string } {
  let name = nameByText.get(text);
  if (name === undefined && nameByText.size < MAX_STATEMENTS) {
    name = `s${nameByText.size}`;
    nameByText.set(text, name);
  }
  return name === undefined ? {} : { name };
}

function kyselyOver(client: PoolClient): Kysely<Tables> {
  const only = {
    query: (text: string, values: readonly unknown[]) =>
      client.query({ text, values: [...values], ...(values.length > 0 ? nameOf(text) : {}) }),
    release: () => undefined, // whoever took the client gives it back
  };
  const pool = { connect: async () => only as never, end: async () => undefined, options: {} };
  const dialect = new PostgresDialect({ pool });
  const emptyLists = new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression });
  return new Kysely<Tables>({ dialect, plugins: [emptyLists] });
}
