import { execFile } from 'node:child_process';

export interface ShellEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in `sh`, as somebody would paste it. A failing one is a result, not an error. */
export function inShell(line: string, cwd: string): Promise<ShellEnd> {
  const { promise, resolve } = Promise.withResolvers<ShellEnd>();
  execFile('sh', ['-c', line], { cwd, timeout: 60_000, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
  });
  return promise;
}
