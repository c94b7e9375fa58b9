import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

const GIB = 2 ** 30;

/** The machine in a few words, without its name or its paths. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${availableParallelism()} cores (${model}), ${(totalmem() / GIB).toFixed(0)} GiB, ${type()} ${release()}, Node ${process.version}, OpenSSL ${process.versions.openssl}`;
}

/** Above this share of the cores others were at work, and decide what is fast. */
const QUIET_LOAD = 0.25;

/** What else the machine had to do: the mean number of running processes over the last minute, and what that means for the figures. */
export function describeLoad(): string {
  const load = loadavg()[0] ?? 0;
  const text = `1-minute load before the run ${load.toFixed(2)}`;
  if (load <= QUIET_LOAD * availableParallelism()) return text;
  return `${text}: **others used the machine, so times and their ratios say little; processor seconds say more**`;
}

/** Free memory that a file in the RAM disk can take, bytes. */
export async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8');
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1_024;
}
