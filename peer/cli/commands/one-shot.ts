import type { CommandInput, CommandName, CommandResult, Peer } from '../../api.js';
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
