// Runs the command line of `fake-main.ts` as processes of their own.
import { fileURLToPath } from 'node:url';
import { FAKE_PIN } from '../daemon/fake-peer.js';
import {
  type CliOptions,
  type CliResult,
  runCli,
  type ServeHandle,
  type ServeOptions,
  startServe,
} from '../support/program.js';
import type { Command } from '../support/shoal-command.js';

export const FAKE_COMMAND: Command = [process.execPath, fileURLToPath(new URL('./fake-main.js', import.meta.url))];

export const TRACKER = '127.0.0.1:7465';

/** Options of a user who can log in. */
export const ANA = {
  command: FAKE_COMMAND,
  tracker: `${TRACKER}#${FAKE_PIN}`,
  user: 'ana',
  password: 'secret',
} as const;

/** Runs one command as ana; `data` keeps what it learned. */
export function shoal(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runCli(args, { ...ANA, ...options });
}

export function serve(options: Partial<ServeOptions> = {}): Promise<ServeHandle> {
  return startServe({ ...ANA, ...options });
}
