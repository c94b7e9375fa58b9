import { ownCommand } from '../../../common/runtime/own-command.js';
import { type CommandInput, type CommandName, type CommandResult, type Peer, PeerError } from '../../api.js';
import type { CommandContext } from '../context.js';
import { openPeer, trackerOf, userOf } from '../open-peer.js';

/** Runs `work` with the user's running peer, or with one that only lives for this command and is seen by nobody. */
export async function withPeer(context: CommandContext, work: (peer: Peer) => Promise<number>): Promise<number> {
  const peer = await openPeer(context, { door: context.openDoor(), serving: false });
  try {
    return await work(peer);
  } finally {
    await peer.close();
  }
}

/** What needs one that runs, and cannot be had from one that only lives for this command. */
interface RunningPeerNeed {
  /** What follows from there being none. */
  readonly so?: string;
  /** What else can be done. */
  readonly or?: string;
}

/** Runs `work` with the user's running peer. Nothing is started. @throws {PeerError} `not-found` when there is none. */
export async function withRunningPeer(
  context: CommandContext,
  { so, or }: RunningPeerNeed,
  work: (peer: Peer) => Promise<number>,
): Promise<number> {
  const peer = await attach(context);
  if (peer === undefined) {
    const because = so === undefined ? '' : `, so ${so}`;
    const hint = `Start one with: ${ownCommand('serve')}${or === undefined ? '' : ` (${or})`}`;
    throw new PeerError({ code: 'not-found', message: `No peer of yours is running${because}. ${hint}` });
  }
  try {
    return await work(peer);
  } finally {
    await peer.close();
  }
}

/** One call with the command's signal; progress goes to the output. */
export function call<K extends CommandName>(
  context: CommandContext,
  peer: Peer,
  name: K,
  input: CommandInput<K>,
): Promise<CommandResult<K>> {
  const { output, process } = context;
  return peer.call(name, input, { signal: process.signal, onProgress: (event) => output.progress(event) });
}

/** The user's running peer, when there is one. Nothing is started. */
export async function attach(context: CommandContext, user?: string): Promise<Peer | undefined> {
  const { signal } = context.process;
  return context.openDoor().attach(trackerOf(context), user ?? (await userOf(context)), { signal });
}
