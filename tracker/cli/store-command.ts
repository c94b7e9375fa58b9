/** `shoal tracker backup|restore|check`: looks after the store. */
import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { loadTrackerConfig, type TrackerConfig } from '../../common/runtime/config.js';
import { ensurePrivateDir, writeFileDurably } from '../../common/runtime/files.js';
import { ownCommand } from '../../common/runtime/own-command.js';
import { acquireLock, LockedError, type ProcessLock } from '../../common/runtime/process-lock.js';
import { backUp, type KeptFile, restoreTo } from '../store/backup.js';
import { type CheckReport, checkStore, repairStore } from '../store/check-store.js';
import { sumsPath } from '../store/page-sums.js';
import { CliError, type CliProcess, EXIT, outputTo } from './process.js';
import { type Care, requireStore, storePath } from './store-location.js';
import type { StoreFlags } from './with-store.js';

const PREFER_BACKUP = 'Rows that lay there may be wrong or missing: prefer a backup, if there is one.';

export interface CareFlags extends StoreFlags {
  readonly force?: boolean;
  readonly repair?: boolean;
  readonly endSessions?: boolean;
  readonly identity?: string;
  readonly sealKey?: string;
}

interface Place {
  readonly config: TrackerConfig;
  readonly path: string;
  /** Of the files that travel with the store. */
  readonly keyPaths: Readonly<Record<string, string>>;
}

function placeOf(care: Care, flags: CareFlags, process: CliProcess): Place {
  const config = loadTrackerConfig({ ...flags }, process.host);
  const keyPaths = {
    'identity.pem': config.identity ?? join(config.data, 'identity.pem'),
    'seal.key': config.sealKey ?? join(config.data, 'seal.key'),
  };
  const path = storePath(config, {
    cwd: process.host.cwd,
    care,
    keys: Object.values(keyPaths),
    endSessions: flags.endSessions,
  });
  return { config, path, keyPaths };
}

export async function backUpStore(file: string, flags: CareFlags, process: CliProcess): Promise<void> {
  const { path, keyPaths } = placeOf('backup', flags, process);
  const target = resolve(process.host.cwd, file);
  requireStore(path);
  if (existsSync(target) && flags.force !== true)
    throw new CliError(`${target} exists. Choose another name, or replace it with --force.`, FAILED);
  using lock = lockUnlessRunning(path);
  const files = (await Promise.all(Object.entries(keyPaths).map(readKept))).filter((kept) => kept !== undefined);
  const sha256 = await backUp(path, target, { files, isBeside: lock === undefined });
  outputTo(process, flags).say(
    { event: 'result', file: target, sha256, files: files.map(({ name }) => name) },
    `${target} written: ${['the store', ...files.map(({ name }) => name)].join(', ')}. Who has it can be this tracker: keep it safe.`,
  );
}

async function readKept([name, path]: [string, string]): Promise<KeptFile | undefined> {
  return existsSync(path) ? { name, content: await readFile(path) } : undefined;
}

export async function restoreStore(file: string, flags: CareFlags, process: CliProcess): Promise<void> {
  const { path, config, keyPaths } = placeOf('restore', flags, process);
  await ensurePrivateDir(config.data);
  using _lock = acquireLock(`${path}.lock`, { what: `the tracker's store ${path}` });
  if (existsSync(path) && flags.force !== true)
    throw new CliError(`there is a store at ${path}. Put it aside and restore with --force.`, FAILED);
  const restored = `${path}.restored`;
  const backup = resolve(process.host.cwd, file);
  const { endSessions = false } = flags;
  // before anything is put aside
  const files = await restoreTo(restored, backup, { at: Math.floor(process.clock.now()), endSessions });
  const suffix = suffixOf('before-restore', process);
  for (const part of [path, `${path}-wal`, `${path}-shm`, sumsPath(path)])
    if (existsSync(part)) await rename(part, part + suffix);
  await rename(sumsPath(restored), sumsPath(path));
  await rename(restored, path);
  for (const { name, content } of files) {
    const target = keyPaths[name];
    if (target !== undefined) await putKey(target, content, suffix);
  }
  outputTo(process, flags).say(
    { event: 'result', store: path, files: files.map(({ name }) => name), endSessions },
    [
      `${path} restored; what was there before ends in ${suffix}.`,
      'Accounts, passwords and bans are those of the backup: change again whichever password was changed since, with',
      `  ${ownCommand('user passwd USER')}`,
      'which also ends the sessions of that user, and disable and ban again whoever was.',
      endSessions
        ? 'All sessions have ended: everybody logs in again.'
        : 'Sessions go on, those that were logged out since can be resumed by who has copied them: with --end-sessions all end.',
    ].join('\n'),
  );
}

async function putKey(path: string, content: Uint8Array, suffix: string): Promise<void> {
  if (existsSync(path)) {
    if ((await readFile(path)).equals(content)) return;
    await rename(path, path + suffix);
  }
  await writeFileDurably(path, content);
}

export function checkTheStore(flags: CareFlags, process: CliProcess): void {
  const { path } = placeOf('check', flags, process);
  requireStore(path);
  const output = outputTo(process, flags);
  if (flags.repair === true) {
    repair(path, flags, process);
    return;
  }
  using lock = lockUnlessRunning(path);
  const report = checkStore(path, lock === undefined, Math.floor(process.clock.now()));
  if (report.problems.length > 0)
    throw new CliError(report.problems.join('\n'), { code: 'corrupt', exitCode: EXIT.integrity });
  output.say({ event: 'result', ...report }, describe(path, report));
}

function repair(path: string, flags: CareFlags, process: CliProcess): void {
  using _lock = acquireLock(`${path}.lock`, { what: `the tracker's store ${path}` });
  const now = Math.floor(process.clock.now());
  const before = checkStore(path, false, now);
  const output = outputTo(process, flags);
  if (before.problems.length === 0 && !before.isAhead) {
    output.say({ event: 'result', ...before }, describe(path, before));
    return;
  }
  const suffix = suffixOf('damaged', process);
  const late = repairStore(path, suffix, now);
  const after = checkStore(path, false, now);
  if (after.problems.length > 0)
    throw new CliError(`${after.problems.join('\n')}\nIt cannot be repaired: ${ownCommand('tracker restore FILE')}`, {
      code: 'corrupt',
      exitCode: EXIT.integrity,
    });
  const [damage] = before.problems;
  const told = [
    describe(path, after),
    ...(late === 0 ? [] : [`${late} publications had times in the future, and are of now.`]),
    ...(damage === undefined ? [] : [`It was damaged: ${damage}`, PREFER_BACKUP]),
    `The files as they were end in ${suffix}.`,
  ];
  output.say({ event: 'result', ...after, repaired: before.problems, late }, told.join('\n'));
}

function describe(path: string, { rows, schema, notices }: CheckReport): string {
  const counts = Object.entries(rows).map(([table, count]) => `${count} ${table}`);
  return [`${path} is sound: schema ${schema}, ${counts.join(', ')}`, ...notices].join('\n');
}

const FAILED = { code: 'exists', exitCode: EXIT.failed };

/** Undefined: a tracker runs on it. */
function lockUnlessRunning(path: string): ProcessLock | undefined {
  try {
    return acquireLock(`${path}.lock`, { what: `the tracker's store ${path}` });
  } catch (error) {
    if (error instanceof LockedError) return undefined;
    throw error;
  }
}

function suffixOf(what: string, { clock }: CliProcess): string {
  return `.${what}-${new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-')}`;
}
