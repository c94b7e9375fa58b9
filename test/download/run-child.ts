// Runs `download-child.ts`: one download in a process of its own, which may be killed, or traced by a wrapper.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { listProcess } from '../support/leftovers.js';
import type { ChildOutcome, ChildTask } from './download-child.js';

const CHILD = fileURLToPath(new URL('./download-child.js', import.meta.url));

export interface Ended {
  readonly signal: string | null;
  /** Undefined when it was killed before it could say. */
  readonly outcome: ChildOutcome | undefined;
}

export async function runChild(
  task: ChildTask,
  { env = {}, wrapper = [] }: { env?: Record<string, string>; wrapper?: readonly string[] } = {},
): Promise<Ended> {
  const [command = '', ...args] = [...wrapper, process.execPath, CHILD];
  // One thread for files: strace counts calls by thread, and a kill then comes between two steps and not inside one.
  const child = spawn(command, args, {
    env: { ...process.env, UV_THREADPOOL_SIZE: '1', DOWNLOAD_TASK: JSON.stringify(task), ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const done = listProcess(child.pid ?? 0, 'a downloading process');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  done();
  return { signal, outcome: text === '' ? undefined : (JSON.parse(text) as ChildOutcome) };
}
