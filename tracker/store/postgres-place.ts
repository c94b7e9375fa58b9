/** Where a PostgreSQL database is, from a URL that may hold a password: what of it may be shown, and what the driver gets. */
import { StoreError } from './store-error.js';

export interface PostgresPlace {
  /** For the driver alone. */
  readonly url: string;
  /** Host, port and database: may be logged. */
  readonly shown: string;
}

/** @throws {StoreError} `unreadable`, without a word of the URL, when it is none. */
export function postgresPlace(url: string): PostgresPlace {
  const parsed = URL.parse(url);
  if (parsed === null || !/^postgres(?:ql)?:$/.test(parsed.protocol) || !isDecodable(url))
    throw new StoreError(
      'unreadable',
      'the URL of --store cannot be read. Write postgres://USER@HOST:PORT/DATABASE, and the password into PGPASSWORD or ~/.pgpass.',
    );
  const host = parsed.host || parsed.searchParams.get('host') || 'of this computer';
  return { url, shown: `${host}${parsed.pathname}` };
}

function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false; // a lonely %
  }
}
