/** The store on PostgreSQL, for one tracker or several nodes at once. Password and certificates are as libpq knows them. */
import { Client } from 'pg';
import { LiveSet } from './live-set.js';
import type { NodeStore } from './node-store.js';
import { Connections, configOf } from './postgres-connections.js';
import { fromPostgres } from './postgres-errors.js';
import { migrate } from './postgres-migrations.js';
import { postgresNodes } from './postgres-nodes.js';
import { postgresPlace } from './postgres-place.js';
import { Transactions } from './postgres-transactions.js';
import type { LiveChanges, Store } from './store.js';
import { StoreError } from './store-error.js';
import { type Methods, storeOf, WRITES } from './store-methods.js';
import { WriteGroup } from './write-group.js';

/** Opens the store, making its tables when they are not there. @throws {StoreError} when it cannot be opened. */
export async function openPostgresStore(url: string): Promise<Store & { readonly nodes: NodeStore }> {
  const place = postgresPlace(url);
  await prepare(place);
  const calls = new PostgresCalls(place);
  const store = storeOf(
    (method, args) => calls.call(method, args),
    () => calls.close(),
  );
  return { ...store, nodes: calls.nodes };
}

/** Without the time limits of daily work: another node may be migrating. */
async function prepare({ url, shown }: { url: string; shown: string }): Promise<void> {
  const client = new Client(configOf(url));
  client.on('error', () => undefined); // its statements fail then, and say so
  try {
    await client.connect();
    await migrate(client);
  } catch (error) {
    throw fromPostgres(error, shown);
  } finally {
    await client.end().catch(() => undefined); // it was lost already
  }
}

class PostgresCalls {
  readonly nodes: NodeStore;
  readonly #live = new LiveSet();
  readonly #connections: Connections;
  readonly #transactions: Transactions;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #writes: WriteGroup;
  #closed: Promise<void> | undefined;

  constructor({ url, shown }: { url: string; shown: string }) {
    this.#connections = new Connections(url, this.#live);
    this.nodes = postgresNodes(this.#connections, { url, shown });
    this.#transactions = new Transactions(this.#connections, shown, this.#closing.signal);
    this.#writes = new WriteGroup((step) => this.#transactions.write(step));
  }

  call(method: keyof Methods, args: readonly unknown[]): Promise<unknown> {
    if (this.#closed !== undefined) return Promise.reject(new StoreError('closed', 'the store is closed'));
    const running = this.#start(method, args);
    this.#running.add(running);
    const forget = (): void => void this.#running.delete(running);
    running.then(forget, forget);
    return running;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#running);
    await this.#connections.close();
  }

  #start(method: keyof Methods, args: readonly unknown[]): Promise<unknown> {
    if (method === 'setLive') {
      this.#live.apply(args[0] as LiveChanges);
      return Promise.resolve();
    }
    const step = (methods: Methods): Promise<unknown> => (methods[method] as AnyMethod)(...args);
    if (!WRITES.has(method)) return this.#transactions.read(step);
    return this.#writes.write(step);
  }
}

type AnyMethod = (...args: readonly unknown[]) => Promise<unknown>;
