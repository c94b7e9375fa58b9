// What a command and the servers behind it cost: wall time, processor time with all children, largest resident memory.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

import { listProcess } from '../../test/support/leftovers.js';

/** Linux counts processor time for user space in these, whatever its own clock does. */
const TICKS_PER_SECOND = 100;
const SAMPLE_EVERY_MS = 50;
/** Servers that work on after the client has ended (closing, freeing memory) are waited for so long, ms. */
const SETTLE_MS = 1_000;
/** A command that takes longer than this hangs, ms. */
const TIMEOUT_MS = 300_000;

export interface Cost {
  readonly seconds: number;
  readonly clientCpuSeconds: number;
  readonly serverCpuSeconds: number;
  readonly clientPeakBytes: number;
  readonly serverPeakBytes: number;
}

export interface CostlyCommand {
  readonly command: readonly [file: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Processes that work for the command, each with all its children. */
  readonly servers: readonly number[];
  readonly onStdout?: (text: string) => void;
}

/** Runs a command to its end. @throws {Error} with its last words when it fails. */
export async function costOf({ command, env, cwd, servers, onStdout }: CostlyCommand): Promise<Cost> {
  for (const pid of await treesOf(servers)) await resetPeak(pid);
  const [file, ...args] = command;
  const before = { servers: await cpuOfTrees(servers), reaped: await reapedCpu() };
  const startedAt = performance.now();
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    ...(env && { env }),
    ...(cwd && { cwd }),
  });
  child.once('exit', listProcess(child.pid ?? -1, file));
  let words = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => onStdout?.(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-2_000);
  });
  const peaks = { client: 0, server: 0 };
  let isOver = false;
  const sampling = (async () => {
    while (!isOver) {
      peaks.client = Math.max(peaks.client, await peakOfTrees(child.pid === undefined ? [] : [child.pid]));
      peaks.server = Math.max(peaks.server, await peakOfTrees(servers));
      await pause(SAMPLE_EVERY_MS);
    }
  })();
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  const seconds = (performance.now() - startedAt) / 1_000;
  isOver = true;
  await sampling;
  if (code !== 0) throw new Error(`${file} ended with ${code ?? signal}: ${words.trim()}`);
  await settled(servers);
  return {
    seconds,
    clientCpuSeconds: (await reapedCpu()) - before.reaped,
    serverCpuSeconds: (await cpuOfTrees(servers)) - before.servers,
    clientPeakBytes: peaks.client,
    serverPeakBytes: Math.max(peaks.server, await peakOfTrees(servers)),
  };
}

/** Processor seconds of processes and all their children, ended ones included, so far. */
export async function cpuOfTrees(roots: readonly number[]): Promise<number> {
  let ticks = 0;
  for (const pid of await treesOf(roots)) ticks += sum((await statFields(pid)).slice(11, 15));
  return ticks / TICKS_PER_SECOND;
}

/** Largest resident size so far of processes and their living children, bytes. */
export function peakOfTrees(roots: readonly number[]): Promise<number> {
  return memoryOfTrees('VmHWM', roots);
}

/** Resident size now. */
export function residentOfTrees(roots: readonly number[]): Promise<number> {
  return memoryOfTrees('VmRSS', roots);
}

async function memoryOfTrees(field: 'VmHWM' | 'VmRSS', roots: readonly number[]): Promise<number> {
  let kibibytes = 0;
  for (const pid of await treesOf(roots)) {
    const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(await readOrNothing(`/proc/${pid}/status`));
    kibibytes += Number(line?.[1] ?? 0);
  }
  return kibibytes * 1_024;
}

/** Of all children of this very process that have ended. */
async function reapedCpu(): Promise<number> {
  return sum((await statFields('self')).slice(13, 15)) / TICKS_PER_SECOND;
}

async function treesOf(roots: readonly number[]): Promise<number[]> {
  const found = [...roots];
  for (const pid of found) {
    const children = await readOrNothing(`/proc/${pid}/task/${pid}/children`);
    found.push(...children.split(' ').filter(Boolean).map(Number));
  }
  return found;
}

/** Until the servers use no more processor time: some of it is spent after the client has gone. */
async function settled(servers: readonly number[]): Promise<void> {
  const endsAt = performance.now() + SETTLE_MS;
  for (let last = -1; performance.now() < endsAt; ) {
    const now = await cpuOfTrees(servers);
    if (now === last) return;
    last = now;
    await pause(2 * SAMPLE_EVERY_MS);
  }
}

async function resetPeak(pid: number): Promise<void> {
  try {
    await writeFile(`/proc/${pid}/clear_refs`, '5');
  } catch (error) {
    // Another user's process, or one that has just ended: its peak is that of its life then.
    if (!['EACCES', 'EPERM', 'ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Fields of /proc/PID/stat from the state (field 3) on. */
async function statFields(pid: number | 'self'): Promise<string[]> {
  const text = await readOrNothing(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** A process may end between two looks. */
async function readOrNothing(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

function sum(fields: readonly string[]): number {
  return fields.reduce((total, field) => total + Number(field), 0);
}
