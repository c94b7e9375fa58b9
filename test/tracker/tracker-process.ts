import { fileURLToPath } from 'node:url';
import { parsePin } from '../../common/wire/identity.js';
import {
  type CliResult,
  type ProgramExit,
  runCli,
  startTracker,
  type TrackerHandle,
  type TrackerOptions,
} from '../support/program.js';
import type { Command } from '../support/shoal-command.js';
import type { Place } from './raw-client.js';
import { userOf } from './raw-messages.js';

export const trackerCommand: Command = [process.execPath, fileURLToPath(new URL('./run-main.js', import.meta.url))];

/** A real tracker in a process of its own. Users have the passwords of `userOf`. */
export function startTrackerProcess(
  options: TrackerOptions & { readonly users?: readonly string[] } = {},
): Promise<TrackerHandle> {
  const { users, ...rest } = options;
  const credentials =
    users === undefined ? {} : { credentials: Object.fromEntries(users.map((user) => [user, userOf(user).password])) };
  return startTracker({ ...credentials, ...rest, command: trackerCommand });
}

export function placeOf({ host, port, pin }: TrackerHandle): Place {
  return { host, port, pin: parsePin(pin) };
}

export async function killHard(tracker: TrackerHandle): Promise<ProgramExit> {
  process.kill(tracker.process.pid, 'SIGKILL');
  return tracker.process.exit;
}

/** `shoal ARGS…` of the tracker's words, to its end. */
export function runTrackerCommand(
  args: readonly string[],
  options: { env?: Record<string, string>; home?: string } = {},
): Promise<CliResult> {
  return runCli(args, { command: trackerCommand, ...options });
}
