/** Runs in a thread of its own: does what `stage-files.ts` can for `stage-threads.ts`. */
import { parentPort } from 'node:worker_threads';

import { checkFiles, copyFile, hashesOf, makeDirectories, readFiles, syncPaths, writeFiles } from './stage-files.js';

const METHODS = { checkFiles, copyFile, hashesOf, makeDirectories, readFiles, syncPaths, writeFiles } as const;

export type StageMethods = typeof METHODS;

export interface StageCall {
  readonly id: number;
  readonly method: keyof StageMethods;
  readonly args: readonly unknown[];
}

export type StageAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string } };

const port = parentPort;
if (port === null) throw new Error('stage-worker runs as a worker thread only');

port.on('message', ({ id, method, args }: StageCall) => {
  try {
    const run = METHODS[method] as (...values: readonly unknown[]) => unknown;
    port.postMessage({ id, value: run(...args) } satisfies StageAnswer);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    port.postMessage({ id, error: { message, code } } satisfies StageAnswer);
  }
});
