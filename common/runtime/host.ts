import { homedir } from 'node:os';

/** What a program learns from the process it runs in; tests pass one of their own. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths of flags and of the environment start from. */
  readonly cwd: string;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly pid: number;
}

/** What the process uses. */
export function processFacts(): { readonly residentBytes: number; readonly cpuSeconds: number } {
  const { user, system } = process.cpuUsage();
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
}

/** The running process. With `main.ts` and `bin/`, the only place that reads it. */
export function currentHost(): Host {
  return { env: process.env, cwd: process.cwd(), home: homedir(), platform: process.platform, pid: process.pid };
}
