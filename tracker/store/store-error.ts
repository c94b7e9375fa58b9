/**
 * `storage`: the disk is full or failing; nothing was changed, trying again later may work. `closed`: after `close()`.
 * `newer-schema`, `corrupt`, `unreadable`: the store cannot be opened. `busy`: another process kept it locked too long. `unreachable`: the
 * way to the database is cut, or it does not run. `other-keys`: other nodes that use it are of another tracker; `older-nodes`: of an
 * older version, which could not go on with what this one makes of the store. `stopped`: the thread that was to answer has died.
 */
export type StoreErrorCode =
  | 'storage'
  | 'closed'
  | 'busy'
  | 'unreachable'
  | 'newer-schema'
  | 'corrupt'
  | 'unreadable'
  | 'other-keys'
  | 'older-nodes'
  | 'stopped'
  | 'internal';

/** The store could not do it. Callers branch on `code`, never on the text. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  constructor(
    readonly code: StoreErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const FULL = 13;
// Primary result codes of SQLite; extended ones carry them in their low byte.
const PRIMARY_CODE: ReadonlyMap<number, StoreErrorCode> = new Map([
  [5, 'busy'],
  [6, 'busy'],
  [8, 'storage'], // READONLY: the file system was remounted or the rights changed
  [10, 'storage'], // IOERR
  [11, 'corrupt'],
  [FULL, 'storage'],
  [14, 'unreadable'], // CANTOPEN
  [26, 'corrupt'], // NOTADB
]);

/** What an error thrown by node:sqlite means to the callers of the store. */
export function fromSqlite(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError(codeOf(error), `the tracker's store: ${message}`, { cause: error });
}

/** The disk is full: less would have had room. Other reasons for `storage` do not pass by making room. */
export function isDiskFull({ cause }: StoreError): boolean {
  return cause instanceof Error && 'errcode' in cause && Number(cause.errcode) % 256 === FULL;
}

function codeOf(error: unknown): StoreErrorCode {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return 'internal';
  return PRIMARY_CODE.get(error.errcode & 0xff) ?? 'internal';
}
