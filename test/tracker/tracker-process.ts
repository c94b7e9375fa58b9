import { parsePin } from '../../common/wire/identity.js';
import { type ProgramExit, startTracker, type TrackerHandle, type TrackerOptions } from '../support/program.js';
import type { Place } from './raw-client.js';
import { userOf } from './raw-messages.js';

/** A real tracker in a process of its own. Users have the passwords of `userOf`. */
export function startTrackerProcess(
  options: TrackerOptions & { readonly users?: readonly string[] } = {},
): Promise<TrackerHandle> {
  const { users, ...rest } = options;
  const credentials =
    users === undefined ? {} : { credentials: Object.fromEntries(users.map((user) => [user, userOf(user).password])) };
  return startTracker({ ...credentials, ...rest });
}

export function placeOf({ host, port, pin }: TrackerHandle): Place {
  return { host, port, pin: parsePin(pin) };
}

export async function killHard(tracker: TrackerHandle): Promise<ProgramExit> {
  process.kill(tracker.process.pid, 'SIGKILL');
  return tracker.process.exit;
}
