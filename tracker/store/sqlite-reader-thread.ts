/**
 * The thread of searches. On a connection of its own it waits for no write, and sees all that was acknowledged before it was asked: what
 * is acknowledged was committed. Talks to `sqlite-store.ts` alone.
 */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { Kysely } from 'kysely';
import { LiveSet } from './live-set.js';
import { NameIndex } from './name-index.js';
import { ReadsBeside } from './reads-beside.js';
import { nodeSqliteDialect } from './sqlite-dialect.js';
import { SEARCH_BUDGET_MS } from './sqlite-engine.js';
import { fromSqlite } from './store-error.js';
import { type AnyMethods, methodsOver } from './store-methods.js';
import type { AnswerMessage, CallMessage } from './store-thread.js';
import type { Tables } from './tables.js';

/** How long a read waits for another process that sets the log up anew, ms. */
const WAIT_MS = 1_000;
/** Of pages in memory. Any commit makes them worthless. */
const CACHE_KIB = 16_384;

export interface ReaderOptions {
  /** Of a store that is open for writing, and stays so longer than this thread. */
  readonly path: string;
  readonly reads: SharedArrayBuffer;
}

if (parentPort !== null) serve(parentPort, workerData as ReaderOptions);

function serve(port: NonNullable<typeof parentPort>, options: ReaderOptions): void {
  let reader: Reader | undefined;
  const answer = async ({ id, method, args }: CallMessage): Promise<AnswerMessage> => {
    try {
      reader ??= new Reader(options);
      return { id, json: JSON.stringify((await reader.read(method, args)) ?? null) };
    } catch (error) {
      const { code, message } = fromSqlite(error);
      return { id, error: { code, message } };
    }
  };
  let last = Promise.resolve();
  const take = async (call: CallMessage): Promise<void> => {
    port.postMessage([await answer(call)]);
    if (call.method !== 'close') return;
    reader?.close();
    port.close();
  };
  port.on('message', (calls: readonly CallMessage[]) => {
    for (const call of calls) last = last.then(() => take(call));
  });
}

class Reader {
  readonly #database: DatabaseSync;
  readonly #methods: AnyMethods;
  readonly #reads: ReadsBeside;

  constructor({ path, reads }: ReaderOptions) {
    this.#database = new DatabaseSync(path, { readOnly: true, timeout: WAIT_MS });
    this.#database.exec(`PRAGMA temp_store = MEMORY; PRAGMA cache_size = -${CACHE_KIB}`);
    this.#methods = methodsOver(new Kysely<Tables>({ dialect: nodeSqliteDialect(this.#database) }), {
      live: new LiveSet(),
      names: new NameIndex(this.#database),
      searchBudgetMs: SEARCH_BUDGET_MS,
    }) as unknown as AnyMethods;
    this.#reads = new ReadsBeside(reads);
  }

  /** All statements of one call see the store as it was at one moment. */
  async read(method: string, args: readonly unknown[]): Promise<unknown> {
    this.#reads.begin();
    try {
      this.#database.exec('BEGIN');
      return await this.#methods[method]?.(...args); // `close` reads nothing
    } finally {
      if (this.#database.isTransaction) this.#database.exec('COMMIT');
      this.#reads.end();
    }
  }

  close(): void {
    this.#database.close();
  }
}
