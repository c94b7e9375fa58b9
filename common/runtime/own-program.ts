/**
 * Where this program finds its own code and files: in the folder of the package, or inside the one executable file that
 * tools/single-file.ts makes, where each module has a name of the form `shoal:/peer/main.js` and no path.
 */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';
import { getEnvironmentData, isMainThread, setEnvironmentData, Worker, type WorkerOptions } from 'node:worker_threads';

/** Tells the executable, started as a thread or process of itself, which module it is to run instead of the command line. */
const PART = '_SHOAL_PART';

/** Whether all of Shoal is this one executable file. */
export const isSingleFile: boolean = isSea();

/** The folder of the package; a single file has none. */
export const packageFolder: string | undefined = isSingleFile
  ? undefined
  : dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** The text of a file that comes with the program. */
export function readPackageFile(name: 'package.json' | 'credentials.txt'): string {
  return packageFolder === undefined ? getAsset(name, 'utf8') : readFileSync(join(packageFolder, name), 'utf8');
}

const WORDS = 'shoal.argv';

export interface Started {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How the process was started. In a thread, `process.argv` has nothing of its command line. */
export function startedAs(): Started {
  const { argv, env } = process;
  return { argv: isMainThread ? argv : ((getEnvironmentData(WORDS) as string[] | undefined) ?? argv), env };
}

/** Runs a module of this program in a thread of its own. Options of the main program (an input type, an inspector) are none of it. */
export function startThread(module: URL, options: Pick<WorkerOptions, 'workerData' | 'name' | 'transferList'>): Worker {
  setEnvironmentData(WORDS, [...startedAs().argv]);
  if (!isSingleFile) return new Worker(module, { ...options, execArgv: [] });
  // Set inside: given an environment of its own, a thread would obey the NODE_OPTIONS in it.
  const told = `process.env.${PART} = ${JSON.stringify(module.href)};`;
  return new Worker(`${told}\n${getAsset('boot.js', 'utf8')}`, { ...options, eval: true });
}

/** Runs a module of this program in a process of its own, with a channel for messages. */
export function forkProgram(module: URL, options: ForkOptions): ChildProcess {
  if (!isSingleFile) return fork(fileURLToPath(module), [], { ...options, execArgv: [] });
  return fork('', [], { ...options, env: { ...options.env, [PART]: module.href } });
}
