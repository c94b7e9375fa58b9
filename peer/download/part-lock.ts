import { closeSync, constants, fstatSync, lstatSync, openSync, rmSync } from 'node:fs';

import { acquireLock, LockedError, type ProcessLock } from '../../common/runtime/process-lock.js';
import { PeerError } from '../api.js';
import { errnoOf, fileProblem } from './file-problem.js';

/** Paths locked by this process: touching a lock file of our own, even to look, would drop its lock. */
const ours = new Set<string>();
/** A lock file may be removed by its last holder between our steps; more often than this it is not by chance. */
const MAX_TRIES = 5;
const OWNER_ONLY = 0o600;
/** Links are not followed and pipes not waited for; systems without these flags have neither here. */
const OPEN_FLAGS = constants.O_WRONLY | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** What opening says of a link, of a pipe that nobody reads and of a folder. */
const FOREIGN = new Set(['ELOOP', 'EMLINK', 'ENXIO', 'EISDIR']);

/** Held until it is disposed, or this process ends. */
export interface PartLock extends Disposable {
  /** Mode that a new file has here: what the user's mask leaves of `rw-rw-rw-`. Owner only where that is not known. */
  readonly newFileMode: number;
}

/**
 * Keeps two downloads, in this process or in two, from writing the same `.part`. The lock file beside it goes with the lock.
 * @throws {PeerError} `in-use` when somebody writes it now; what `fileProblem` says when the folder cannot be written.
 */
export function lockPart(partPath: string, shownPath: string): PartLock {
  const path = `${partPath}.lock`;
  if (ours.has(path)) throw inUse(shownPath);
  const newFileMode = makeNew(path) ?? OWNER_ONLY;
  const lock = acquire(path, shownPath);
  ours.add(path);
  return {
    newFileMode,
    [Symbol.dispose]() {
      // Removed while it is still held: whoever opened it before finds it locked, whoever comes after makes a new one.
      rmSync(path, { force: true });
      lock[Symbol.dispose]();
      ours.delete(path);
    },
  };
}

/** Removes the lock file of a process that died; one that is held stays. */
export function clearStaleLock(partPath: string): void {
  if (inodeOf(`${partPath}.lock`) === undefined) return;
  try {
    lockPart(partPath, partPath)[Symbol.dispose]();
  } catch (error) {
    if (!(error instanceof PeerError)) throw error; // Held, or not ours to remove: it is in nobody's way.
  }
}

function acquire(path: string, shownPath: string): ProcessLock {
  try {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const before = touch(path, shownPath);
      const lock = acquireLock(path, { what: shownPath });
      if (inodeOf(path) === before) return lock;
      lock[Symbol.dispose](); // It was removed by its last holder meanwhile: ours would be a lock on nothing.
    }
  } catch (error) {
    throw error instanceof LockedError ? inUse(shownPath) : fileProblem(shownPath, error);
  }
  throw inUse(shownPath);
}

/** Makes the lock file with the rights of any new file and tells them; undefined when it was there, or cannot be made. */
function makeNew(path: string): number | undefined {
  try {
    const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o666);
    const { mode } = fstatSync(file);
    closeSync(file);
    return mode & 0o666;
  } catch {
    return undefined; // Whatever keeps it from being made, `acquire` meets it too and says it.
  }
}

/**
 * Makes the file when there is none. The attacker is whoever may write to the folder: a planted link would be written through, and a
 * pipe would be waited for, with the whole process.
 */
function touch(path: string, shownPath: string): bigint | undefined {
  try {
    const file = openSync(path, OPEN_FLAGS, OWNER_ONLY);
    const isPlain = fstatSync(file).isFile();
    closeSync(file);
    if (!isPlain) throw foreign(path, shownPath);
  } catch (error) {
    throw FOREIGN.has(errnoOf(error)) ? foreign(path, shownPath, error) : error;
  }
  return inodeOf(path);
}

function inodeOf(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function inUse(shownPath: string): PeerError {
  return new PeerError({
    code: 'in-use',
    message: `${shownPath} is being fetched already. Wait for that download, or stop it first.`,
  });
}

function foreign(path: string, shownPath: string, cause?: unknown): PeerError {
  const message = `${shownPath} could not be written: something else is in the place of its lock. Remove ${path} and get it again.`;
  return new PeerError({ code: 'unwritable', message }, { cause });
}
