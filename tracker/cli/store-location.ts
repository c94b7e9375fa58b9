import { isAbsolute, join, resolve } from 'node:path';
import type { TrackerConfig } from '../../common/runtime/config.js';
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

/** Of what works on the file itself. @throws {CliError} */
export function storePath(config: TrackerConfig, cwd: string): string {
  const place = storePlace(config, cwd);
  if (place.kind === 'sqlite') return place.path;
  throw new CliError(
    'this works on a store in a file. Use the tools of PostgreSQL for yours: pg_dump, pg_restore, pg_amcheck.',
    { code: 'usage', exitCode: EXIT.usage },
  );
}

export interface OpenOptions {
  readonly isTracker: boolean;
  readonly onNotice?: (notice: string) => void;
}

export async function openStore(place: StorePlace, options: OpenOptions): Promise<Store> {
  // Each brings its own driver: only one is loaded.
  if (place.kind === 'postgres') return (await import('../store/postgres-store.js')).openPostgresStore(place.url);
  return (await import('../store/sqlite-store.js')).openSqliteStore({ path: place.path, ...options });
}
