import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

const GIB = 2 ** 30;

/** The machine in a few words, without its name or its paths. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${availableParallelism()} cores (${model}), ${(totalmem() / GIB).toFixed(0)} GiB, ${type()} ${release()}, Node ${process.version}, OpenSSL ${process.versions.openssl}`;
}

/** What else the machine had to do: the mean number of running processes over the last minute. */
export function describeLoad(): string {
  return `1-minute load before the run ${loadavg()[0]?.toFixed(2)}`;
}

/** Free memory that a file in the RAM disk can take, bytes. */
export async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8');
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1_024;
}
