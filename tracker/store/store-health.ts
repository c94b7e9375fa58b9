/**
 * Whether a store is what was written to it: judged on its files as they lie there, before SQLite opens them. SQLite would answer from
 * a changed page, and would drop, for good and in silence, whatever lies behind a changed part of its log.
 */
import type { DatabaseSync } from 'node:sqlite';
import { ownCommand } from '../../common/runtime/own-command.js';
import { loadSums, pageBytesOf, type Sums, sumsOfFile } from './page-sums.js';
import { fromSqlite, StoreError } from './store-error.js';
import { scanWal, type WalScan } from './wal-scan.js';

/** So many damaged places are named. */
const MAX_NAMED = 5;
/** A command that writes beside may move pages while they are read. */
const TRIES = 3;

export interface StoreHealth {
  /** Checksums of all pages were there, and are right. */
  readonly isProven: boolean;
  /** What a person should know, in sentences. */
  readonly notices: readonly string[];
}

/** `fd`: the database file, which stays open. @throws {StoreError} `corrupt`, with the place. */
export function judgeFiles(path: string, fd: number): StoreHealth {
  for (let tries = 1; ; tries += 1) {
    try {
      return judgeOnce(path, fd);
    } catch (error) {
      if (tries === TRIES || !(error instanceof StoreError)) throw error;
    }
  }
}

function judgeOnce(path: string, fd: number): StoreHealth {
  const notices: string[] = [];
  const log = scanWal(`${path}-wal`, { mayTrust: false });
  if (log.problem?.kind === 'damaged') throw damaged(`${path}-wal`, `at byte ${log.problem.offset}`);
  if (log.problem !== undefined)
    notices.push(
      `the last write to ${path}-wal was cut off at byte ${log.problem.offset} and is left out; all before it is there`,
    );
  const sums = loadSums(path);
  if (sums === 'unreadable') notices.push(`the checksums of ${path} were damaged themselves; they are made anew`);
  if (typeof sums === 'string') return { isProven: false, notices };
  judgePages(path, { fd, sums, log });
  return { isProven: true, notices };
}

function judgePages(path: string, { fd, sums, log }: { fd: number; sums: Sums; log: WalScan }): void {
  const found = sumsOfFile(fd);
  const isBad = (page: number): boolean =>
    sums[page] !== 0 && sums[page] !== (found[page] ?? 0) && !log.offsetByPage.has(page);
  const bad = [...sums.keys()].slice(1).filter(isBad);
  if (bad.length === 0) return;
  const places = bad.slice(0, MAX_NAMED).map((page) => (page - 1) * pageBytesOf(fd));
  const more = bad.length > MAX_NAMED ? ` and ${bad.length - MAX_NAMED} more places` : '';
  throw damaged(path, `what lies at byte ${places.join(', ')}${more} is not what was written there`);
}

/** SQLite's own look at the whole store. @throws {StoreError} `corrupt`. */
export function requireSound(database: DatabaseSync, path: string): void {
  const problem = findProblem(database);
  if (problem !== undefined) throw damaged(path, problem);
}

function findProblem(database: DatabaseSync): string | undefined {
  try {
    const result = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
    return result === 'ok' ? undefined : String(result);
  } catch (error) {
    const reason = fromSqlite(error);
    if (reason.code === 'corrupt') return reason.message;
    throw reason;
  }
}

/** What to say of a store that must not be used as it is. */
export function damaged(path: string, where: string): StoreError {
  return new StoreError(
    'corrupt',
    `the store ${path} is damaged: ${where}. It was left as it is. ` +
      `Put a backup in its place with: ${ownCommand('tracker restore FILE')}. ` +
      `What can be saved without one, says: ${ownCommand('tracker check --repair')}`,
  );
}
