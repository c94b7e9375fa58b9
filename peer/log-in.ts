/** How a starting peer gets its session: what an earlier run saved, else the password; waiting for the tracker when told to. */
import type { Clock } from '../common/runtime/clock.js';
import { sleep } from '../common/runtime/deadline.js';
import { PeerError } from './api.js';
import type { StartPeerOptions } from './door/start-peer.js';
import type { SavedSessionFile } from './saved-session-file.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

/** Pause between two tries to reach a tracker that is not there yet, ms. */
const WAIT_FOR_TRACKER_MS = 1_000;

export interface LogInParts {
  readonly tracker: TrackerClient;
  /** Of the serving peer: a crash costs no password. */
  readonly savedSession: SavedSessionFile;
  /** Of `shoal login`: later commands open sessions beside it. */
  readonly savedLogin: SavedSessionFile;
  readonly clock: Clock;
}

/** @throws {PeerError} as `PeerDoor.open`. */
export async function logIn(parts: LogInParts, options: StartPeerOptions, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await logInOnce(parts, options, signal);
      return;
    } catch (error) {
      const isAway = error instanceof PeerError && error.code === 'tracker-unreachable';
      if (!isAway || !options.wait) throw error;
      options.onWaiting(error.problem);
      await sleep(WAIT_FOR_TRACKER_MS, { signal, clock: parts.clock });
    }
  }
}

async function logInOnce(parts: LogInParts, options: StartPeerOptions, signal: AbortSignal): Promise<void> {
  const { tracker, savedSession, savedLogin } = parts;
  const { user, password, resumeSaved, serving } = options;
  if (resumeSaved && serving && (await resumeFrom(savedSession, tracker, { fork: false, signal }))) return;
  if (resumeSaved && password === undefined && (await resumeFrom(savedLogin, tracker, { fork: true, signal }))) return;
  if (password === undefined) {
    const message = `Not logged in as ${user}. Give the password with --password-file, SHOAL_PASSWORD or at the prompt.`;
    throw new PeerError({ code: 'not-logged-in', message });
  }
  await tracker.login(user, password, { signal });
  if (options.keepSession && tracker.savedSession !== undefined) await savedLogin.write(tracker.savedSession);
}

/** False when nothing good was saved there. */
async function resumeFrom(
  file: SavedSessionFile,
  tracker: TrackerClient,
  options: { readonly fork: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  const saved = await file.read();
  if (saved === undefined) return false;
  try {
    await tracker.resume(saved, options);
    return true;
  } catch (error) {
    if (!(error instanceof PeerError) || error.code !== 'not-logged-in') throw error;
    await file.remove();
    return false;
  }
}
