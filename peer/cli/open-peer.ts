import { type OpenOptions, type Peer, PeerError, type PeerProblem } from '../api.js';
import type { Door } from '../door/door.js';
import { parseTrackerAddress } from '../door/tracker-address.js';
import { firstContactText } from '../wording/trust.js';
import type { CommandContext } from './context.js';
import { readSecretFile } from './secret-file.js';

/** Where a tracker is looked for that nobody named: where `shoal tracker` listens by default. */
export const DEFAULT_TRACKER = '127.0.0.1:7465';

export interface OpenPeerOptions {
  readonly door: Door;
  /** When it has been found out already. */
  readonly user?: string;
  readonly serving: boolean;
  readonly keepSession?: boolean;
  readonly wait?: boolean;
  readonly onWaiting?: (reason: PeerProblem) => void;
  /** Ask for the password also where a saved session would do. */
  readonly needsPassword?: boolean;
}

/**
 * Opens the peer of the user that the settings name. On a terminal it asks for what is missing: the user, the password, whether a new
 * tracker is to be trusted; elsewhere each of them is an error that says which option helps. @throws {PeerError}
 */
export async function openPeer(context: CommandContext, options: OpenPeerOptions): Promise<Peer> {
  const tracker = parseTrackerAddress(trackerOf(context)).address; // before anybody is asked for anything
  const user = options.user ?? (await userOf(context));
  let password = await givenPassword(context);
  if (options.needsPassword === true) password ??= await askPassword(context, { user, tracker });
  let hasAskedTrust = false;
  for (;;) {
    try {
      return await options.door.open(openOptions(context, { ...options, user, password }));
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      if (error.code === 'untrusted-tracker' && !hasAskedTrust) await askTrust(context, options.door, error.problem);
      else if (error.code === 'not-logged-in' && password === undefined)
        password = await askPassword(context, { user, tracker });
      else throw error;
      hasAskedTrust ||= error.code === 'untrusted-tracker';
    }
  }
}

/** The user whose peer it is. @throws {PeerError} `usage` when nobody can be asked. */
export async function userOf({ config, ask }: CommandContext): Promise<string> {
  const user = config.user ?? (await ask?.line('User: '))?.trim();
  if (user !== undefined && user !== '') return user;
  throw new PeerError({ code: 'usage', message: 'No user. Say who you are with --user NAME, or set SHOAL_USER.' });
}

export function trackerOf({ config }: CommandContext): string {
  return config.tracker ?? DEFAULT_TRACKER;
}

interface Credentials {
  readonly user: string;
  readonly password: string | undefined;
}

function openOptions(context: CommandContext, options: OpenPeerOptions & Credentials): OpenOptions {
  const { user, password, serving, keepSession = false, wait = false, onWaiting } = options;
  return {
    tracker: trackerOf(context),
    user,
    serving,
    keepSession,
    wait,
    signal: context.process.signal,
    ...(password === undefined ? {} : { password }),
    ...(onWaiting === undefined ? {} : { onWaiting }),
  };
}

/** From the file or the environment. @throws {PeerError} `unreadable`, `usage`. */
export async function givenPassword({ config }: CommandContext): Promise<string | undefined> {
  if (config.passwordFile === undefined) return config.password;
  return readSecretFile(config.passwordFile, 'password');
}

async function askPassword(
  { ask }: CommandContext,
  { user, tracker }: { user: string; tracker: string },
): Promise<string> {
  const password = await ask?.hidden(`Password of ${user} at ${tracker}: `);
  if (password !== undefined && password !== '') return password;
  const message =
    'A password is needed. Give it with --password-file FILE, set SHOAL_PASSWORD, or run the command in a terminal.';
  throw new PeerError({ code: 'not-logged-in', message });
}

/** Puts the question that SSH asks. @throws {PeerError} the problem itself, when nobody says yes. */
async function askTrust({ config, ask, output }: CommandContext, door: Door, problem: PeerProblem): Promise<void> {
  const { pin } = problem;
  if (ask === undefined || pin === undefined) throw new PeerError(problem);
  const { address } = parseTrackerAddress(config.tracker ?? DEFAULT_TRACKER);
  output.note(...firstContactText({ address, pin }));
  if (!(await ask.yes('Trust this tracker?'))) throw new PeerError(problem);
  await door.trust(address, pin);
}
