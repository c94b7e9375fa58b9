/**
 * The same words without a terminal: commands come line by line from standard input, outcomes go out as plain text. One command after
 * the other, downloads too, so that a script can rely on the order.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { safeDisplay } from '../../common/content/safe-display.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { ownCommand, ownProgram } from '../../common/runtime/own-command.js';
import { type Peer, type PeerDoor, PeerError, type PeerProblem } from '../api.js';
import { EXIT_DONE, EXIT_INTERRUPTED, exitCodeFor } from '../wording/exit-code.js';
import { type Layout, listingText } from '../wording/listing.js';
import { problemLayout, problemOf, problemText } from '../wording/problem.js';
import { changedPinText, firstContactText } from '../wording/trust.js';
import { perform } from './perform.js';
import type { PerformContext } from './performed.js';
import { parseLine } from './words.js';

export interface PlainOptions {
  readonly door: PeerDoor;
  readonly tracker?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** For what is locked or is to be: nobody can be asked. */
  readonly passcode?: string | undefined;
  /** Pin an unknown tracker without asking. Default: refuse it. */
  readonly trustOnFirstUse?: boolean | undefined;
  /** Where `get` puts files, when the settings name a folder; absolute. */
  readonly downloads?: string | undefined;
  /** Where relative paths start. */
  readonly cwd: string;
  readonly home?: string | undefined;
  /** The commands; its end is `xit`. */
  readonly input: Readable;
  /** Takes whole lines. */
  readonly write: (text: string) => void;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Lines of a script are not cut for a screen. */
const WIDTH = 160;

/** Runs all commands. Resolves with the exit code of the first that failed, or 0. */
export async function runPlain(options: PlainOptions): Promise<number> {
  let peer: Peer;
  try {
    peer = await logIn(options);
  } catch (error) {
    if (options.signal.aborted) return EXIT_INTERRUPTED;
    const problem = problemOf(error);
    options.write(`${problemText(problem)}\n`);
    return exitCodeFor(problem.code);
  }
  try {
    return await runLines(peer, options);
  } finally {
    await peer.close();
  }
}

async function logIn({
  door,
  tracker,
  user,
  password,
  trustOnFirstUse = false,
  write,
  signal,
}: PlainOptions): Promise<Peer> {
  if (tracker === undefined || user === undefined) {
    const message =
      'Without a terminal nobody can be asked: give --tracker HOST:PORT, --user NAME and --password-file FILE, and the words on ' +
      `standard input, such as: printf 'lpf\\nxit\\n' | ${ownProgram()} --user NAME --password-file FILE`;
    throw new PeerError({ code: 'usage', message });
  }
  await establishTrust({ door, tracker, trustOnFirstUse, write, signal });
  let isWaiting = false;
  const onWaiting = (problem: PeerProblem): void => {
    if (!isWaiting) write(`${problemText(problem)} Waiting for it …\n`);
    isWaiting = true;
  };
  const peer = await door.open({
    tracker,
    user,
    ...(password === undefined ? {} : { password }),
    serving: true,
    wait: true,
    onWaiting,
    signal,
  });
  write(`Logged in as ${safeDisplay(user)} at ${safeDisplay(peer.state().tracker.address)}\n`);
  return peer;
}

interface TrustWish extends Pick<PlainOptions, 'door' | 'write' | 'signal'> {
  readonly tracker: string;
  readonly trustOnFirstUse: boolean;
}

/** @throws {PeerError} `untrusted-tracker`, `pin-changed`, after the whole story was written. */
async function establishTrust({ door, tracker, trustOnFirstUse, write, signal }: TrustWish): Promise<void> {
  if (tracker.includes('#')) return;
  const contact = await door.contact(tracker, { signal }).catch((error: unknown) => {
    if (error instanceof PeerError && error.code === 'tracker-unreachable') return undefined; // `open` waits for it.
    throw error;
  });
  if (contact === undefined || contact.trust === 'pinned') return;
  if (contact.trust === 'changed') {
    write(`${changedPinText(contact).join('\n')}\n`);
    throw new PeerError({ code: 'pin-changed', message: 'Nothing was done.', pin: contact.pin });
  }
  if (trustOnFirstUse) return door.trust(tracker, contact.pin);
  write(`${firstContactText(contact).join('\n')}\n`);
  const message = `Trust it once with: ${ownCommand(`trust add '${contact.address}#${contact.pin}'`)}, or start with --trust-on-first-use.`;
  throw new PeerError({ code: 'untrusted-tracker', message, pin: contact.pin });
}

async function runLines(peer: Peer, options: PlainOptions): Promise<number> {
  const { input, signal, clock = systemClock } = options;
  const lines = createInterface({ input, crlfDelay: Infinity, terminal: false, signal });
  const passcodes = { given: async () => options.passcode };
  let context: PerformContext = { ...options, peer, clock, passcodes };
  let exitCode = EXIT_DONE;
  for await (const line of lines) {
    const parsed = parseLine(line);
    if (parsed.kind === 'empty') continue;
    if (parsed.kind === 'problem') {
      print(problemLayout(parsed.problem, clock.now()), options);
      exitCode ||= exitCodeFor(parsed.problem.code);
      continue;
    }
    if (parsed.command.word === 'xit') break;
    const performed = await perform(parsed.command, context, signal);
    const { layout, failure } = performed;
    print(layout, options);
    if ('more' in performed) context = { ...context, more: performed.more };
    if (performed.isFolderChanged === true) context = { ...context, downloads: undefined };
    if (failure !== undefined) exitCode ||= exitCodeFor(failure);
    if (signal.aborted) break;
  }
  return signal.aborted ? EXIT_INTERRUPTED : exitCode;
}

function print(layout: Layout, { write }: PlainOptions): void {
  write(listingText(layout(WIDTH)));
}
