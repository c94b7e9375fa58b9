import { chmodSync, constants, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { currentHost } from './host.js';

/** Somebody else holds the lock. `pid` is the holder's process when it could be told. */
export class LockedError extends Error {
  override readonly name = 'LockedError';
  readonly code = 'locked';

  constructor(
    readonly what: string,
    readonly pid: number | undefined,
  ) {
    const holder = pid === undefined ? 'another process' : `process ${pid}`;
    super(`${what} is in use by ${holder}. Stop it first, or choose another folder with --data.`);
  }
}

export interface ProcessLock extends Disposable {
  readonly path: string;
}

export interface LockOptions {
  /** What the lock guards, for the message: "the tracker's data in /srv/shoal". */
  readonly what: string;
}

/**
 * Takes the only lock at `path` (a file made for it, its folder too), without waiting. It ends with `dispose` or with
 * the process, kill -9 included: SQLite holds a kernel lock on the open file, so there is no stale lock to clean up.
 * The file must not be opened by anything else in this process: closing any descriptor of it would drop the lock.
 * @throws {LockedError} when another holder, in this process or another, has it.
 */
export function acquireLock(path: string, { what }: LockOptions): ProcessLock {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = openDatabase(path, what);
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw isBusy(error) ? new LockedError(what, readHolder(path)) : cannotLock(path, what, error);
  }
  chmodSync(path, 0o600);
  nameHolder(path);
  return {
    path,
    [Symbol.dispose]() {
      if (!database.isOpen) return;
      rmSync(holderPath(path), { force: true });
      database.close();
    },
  };
}

function openDatabase(path: string, what: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw cannotLock(path, what, error);
  }
}

function cannotLock(path: string, what: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`cannot lock ${what}: ${path}: ${reason}. Check that the folder is writable and not full.`, {
    cause,
  });
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

/** The lock file itself cannot be read while it is locked, so the holder's pid lies beside it. */
function holderPath(path: string): string {
  return `${path}.pid`;
}

/** The lock may lie in a folder that others can write to: a link planted at the name is removed, never written through. */
function nameHolder(path: string): void {
  try {
    rmSync(holderPath(path), { force: true });
    writeFileSync(holderPath(path), `${currentHost().pid}\n`, { mode: 0o600, flag: 'wx' });
  } catch {
    // It only lets others say who holds the lock; that is held all the same.
  }
}

/** A pipe planted there would be waited for without end, hence not blocking. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

function readHolder(path: string): number | undefined {
  try {
    const holder = Number.parseInt(readFileSync(holderPath(path), { encoding: 'utf8', flag: READ_FLAGS }), 10);
    return Number.isSafeInteger(holder) && holder > 0 ? holder : undefined;
  } catch {
    return undefined; // The holder may be between taking the lock and writing its pid; the lock itself is what counts.
  }
}
