import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import type { TrackerConfig } from '../../common/runtime/config.js';
import { sumsPath } from '../store/page-sums.js';
import { END_SESSIONS, MOVE_EPOCH_ON } from '../store/put-back.js';
import type { Store } from '../store/store.js';
import { CliError, EXIT } from './process.js';

export type StorePlace =
  | { readonly kind: 'sqlite'; readonly path: string }
  /** May hold a password. */
  | { readonly kind: 'postgres'; readonly url: string };

/** The store of this configuration: `--store sqlite:PATH` or `postgres://…`, else a file in the data folder. @throws {CliError} */
export function storePlace({ store, data }: TrackerConfig, cwd: string): StorePlace {
  if (store === undefined) return { kind: 'sqlite', path: join(data, 'tracker.sqlite') };
  if (/^postgres(?:ql)?:/.test(store)) return { kind: 'postgres', url: store };
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(store)?.[1];
  if (path !== undefined) return { kind: 'sqlite', path: isAbsolute(path) ? path : resolve(cwd, path) };
  const shown = store.replace(/\/\/[^/]*@/, '//…@'); // a password may stand before the @
  throw new CliError(
    `--store ${shown} is no store. Write sqlite:PATH or postgres://USER@HOST/DATABASE, or leave it out to use the data folder.`,
    { code: 'usage', exitCode: EXIT.usage },
  );
}

/** A store with a missing file is one, too, and opening it says so. @throws {CliError} */
export function requireStore(path: string): void {
  if (!hasStore(path))
    throw new CliError(`there is no store at ${path}. Say where it is with --data or --store.`, {
      code: 'not-found',
      exitCode: EXIT.notFound,
    });
}

export function hasStore(path: string): boolean {
  return existsSync(path) || existsSync(sumsPath(path));
}

/** Commands that look after a store in a file. */
export type Care = 'backup' | 'restore' | 'check';

const TOOL_OF: Record<Care, (url: string, endSessions: boolean) => string> = {
  backup: (url) =>
    `Back it up, while nodes run, with: pg_dump --format=custom --no-unlogged-table-data --file=FILE --dbname='${url}'`,
  restore: (url, endSessions) =>
    `Stop all nodes, then restore with: pg_restore --clean --if-exists --no-owner --exit-on-error --dbname='${url}' FILE\n` +
    `Before a node starts: psql --single-transaction --dbname='${url}' ` +
    [MOVE_EPOCH_ON, ...(endSessions ? [END_SESSIONS] : [])].map((sql) => `--command="${sql}"`).join(' ') +
    (endSessions
      ? ''
      : '\nSessions go on as on the day of the dump: ask with --end-sessions for a command that ends all.'),
  check: (url) => `Look through it, while nodes run, with: pg_amcheck --heapallindexed --dbname='${url}'`,
};

/** Of the store as a file. `keys` are the files that belong to it. @throws {CliError} for one in a database: which tool does it there. */
export function storePath(config: TrackerConfig, { cwd, care, keys, endSessions = false }: CareOptions): string {
  const place = storePlace(config, cwd);
  if (place.kind === 'sqlite') return place.path;
  const files = care === 'check' ? '' : `\nThese files belong to it, keep copies of them: ${keys.join(', ')}.`;
  throw new CliError(
    `tracker ${care} is for a store in a file, and this one is in PostgreSQL. ${TOOL_OF[care](withoutPassword(place.url), endSessions)}${files}`,
    { code: 'usage', exitCode: EXIT.usage },
  );
}

interface CareOptions {
  readonly cwd: string;
  readonly care: Care;
  readonly keys: readonly string[];
  /** With `restore`. */
  readonly endSessions?: boolean | undefined;
}

/** It comes from PGPASSWORD or ~/.pgpass for these tools, too. */
function withoutPassword(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return 'postgres://USER@HOST/DATABASE';
  parsed.password = '';
  parsed.searchParams.delete('password');
  return parsed.href.replaceAll("'", '%27');
}

export interface OpenOptions {
  readonly isTracker: boolean;
  /** Of a tracker's clock, ms since epoch. */
  readonly now?: number;
  readonly onNotice?: (notice: string) => void;
  /** See `SqliteStoreOptions`; a database elsewhere is waited for instead. */
  readonly onDeath?: (failure: Error) => void;
}

export async function openStore(place: StorePlace, options: OpenOptions): Promise<Store> {
  // Each brings its own driver: only one is loaded.
  if (place.kind === 'postgres') return (await import('../store/postgres-store.js')).openPostgresStore(place.url);
  return (await import('../store/sqlite-store.js')).openSqliteStore({ path: place.path, ...options });
}
