// What the tests of `npm start` share: the tracker that it starts, the sample accounts, the login screen.
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { adoptProcess } from '../support/leftovers.js';
import { isRunning } from '../support/proc.js';
import { projectRoot } from '../support/shoal-command.js';
import type { Terminal } from '../support/terminal.js';
import { waitFor } from '../support/wait-for.js';

/** Generous: a first start on a busy machine with two cores. The figure itself is printed and measured elsewhere. */
export const LOGIN_SCREEN_WITHIN_MS = 20_000;

/** The processes of trackers whose command line names `folder`. */
export async function trackersOf(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: number[] = [];
  for (const pid of pids) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!line.includes('\0tracker\0') || !line.includes(folder)) continue;
    await adoptProcess(pid, 'the tracker behind npm start');
    found.push(pid);
  }
  return found;
}

export async function endTrackersOf(folder: string): Promise<void> {
  for (const pid of await trackersOf(folder)) await end(pid);
}

export interface Account {
  readonly user: string;
  readonly password: string;
}

export async function sampleAccounts(): Promise<Account[]> {
  const lines = (await readFile(join(projectRoot(), 'credentials.txt'), 'utf8')).split('\n');
  return lines.flatMap((line) => {
    const [, user, password] = /^([^#\s]\S*) (.+)$/.exec(line) ?? [];
    return user === undefined || password === undefined ? [] : [{ user, password }];
  });
}

export async function logIn(terminal: Terminal, { user, password }: Account): Promise<void> {
  await terminal.waitForText(/User/, { timeoutMs: LOGIN_SCREEN_WITHIN_MS });
  terminal.type(`${user}\r`);
  await terminal.waitForText(new RegExp(`User\\s+${user}`));
  terminal.type(`${password}\r`);
  await terminal.waitForText(`Welcome to Shoal, ${user}.`, { timeoutMs: 20_000 });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function end(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: it ended by itself
  }
  await waitFor(async () => !(await isRunning(pid)), { what: `tracker ${pid} to end` });
}
