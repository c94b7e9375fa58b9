/** What errors of PostgreSQL, and of the way to it, mean to the callers of the store. */
import { StoreError, type StoreErrorCode } from './store-error.js';

// SQLSTATE, see "PostgreSQL Error Codes" in its manual.
const CODE_BY_STATE: ReadonlyMap<string, StoreErrorCode> = new Map([
  ['25006', 'storage'], // read_only_sql_transaction: a standby, or an administrator's decision
  ['28000', 'unreadable'], // invalid_authorization_specification
  ['28P01', 'unreadable'], // invalid_password
  ['3D000', 'unreadable'], // no such database
  ['40001', 'busy'], // serialization_failure
  ['40P01', 'busy'], // deadlock_detected
  ['42501', 'unreadable'], // insufficient_privilege
  ['53100', 'storage'], // disk_full
  ['53200', 'storage'], // out_of_memory
  ['53300', 'busy'], // too_many_connections
  ['55P03', 'busy'], // lock_not_available
  ['57014', 'busy'], // query_canceled: the time limit
  ['58030', 'storage'], // io_error
  ['XX001', 'corrupt'],
  ['XX002', 'corrupt'],
]);

/** The server ends connections, starts or stops, or tables have changed below a ready statement: another connection may work. */
const PASSING_STATES: ReadonlySet<string> = new Set(['0A000', '25P03', '53300', '57P01', '57P02', '57P03', '57P05']);
const CONFLICT_STATES: ReadonlySet<string> = new Set(['40001', '40P01']);
/** Two that could not see each other made the same row, or one took away what the other builds on. */
const RACE_STATES: ReadonlySet<string> = new Set(['23503', '23505']);
const WRONG_PASSWORD = '28P01'; // also none at all
const IN_FAILED_TRANSACTION = '25P02';
const CONNECTION_CLASS = '08';
/** Without an SQLSTATE: the network's own codes, and what `pg` says of a connection that ended. */
const LOST =
  /^(?:E[A-Z_]+|Connection terminated|Client has encountered|Client was closed|Query read timeout|timeout e)/;

/** Another transaction was in the way: the same once more may work. One that `isAlone` is its own mistake. */
export function isConflict(error: unknown, { isAlone }: { readonly isAlone: boolean }): boolean {
  const state = stateOf(error);
  return CONFLICT_STATES.has(state) || (!isAlone && RACE_STATES.has(state));
}

/** It was not even tried, because a statement before it in its transaction has failed. */
export function isAftermath(error: unknown): boolean {
  return stateOf(error) === IN_FAILED_TRANSACTION;
}

/** There is no connection, or none any more; whether the last statement was carried out is not known. */
export function isConnectionLost(error: unknown): boolean {
  const state = stateOf(error);
  if (/^[0-9A-Z]{5}$/.test(state) && !state.startsWith('E'))
    return state.startsWith(CONNECTION_CLASS) || PASSING_STATES.has(state);
  return LOST.test(state) || LOST.test(messageOf(error));
}

/** `place` names the database without a password. */
export function fromPostgres(error: unknown, place: string): StoreError {
  if (error instanceof StoreError) return error;
  if (isConnectionLost(error))
    return new StoreError(
      'unreachable',
      `the database ${place} cannot be reached: ${messageOf(error)}. See that PostgreSQL runs there and lets this computer in.`,
      { cause: error },
    );
  const code = CODE_BY_STATE.get(stateOf(error)) ?? 'internal';
  const advice = stateOf(error) === WRONG_PASSWORD ? '. Put the right one into PGPASSWORD or ~/.pgpass.' : '';
  return new StoreError(code, `the database ${place}: ${messageOf(error)}${advice}`, { cause: error });
}

function stateOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Of several addresses that were tried, the first. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
