import { withDeadline } from '../../../common/runtime/deadline.js';
import type { Peer } from '../../api.js';
import { statusLayout } from '../../wording/status.js';
import type { CommandContext } from '../context.js';
import { openPeer, userOf } from '../open-peer.js';
import { attach, call, withPeer } from './one-shot.js';
import { untilEnded } from './serving.js';

/** How long a running peer may take to end after `xit`: its uploads end within 2 s. */
const XIT_TIMEOUT_MS = 3_000;

/** The whole state of the peer. */
export function status(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    const { output } = context;
    const state = await call(context, peer, 'status', {});
    output.show(statusLayout(state, output.now()));
    output.result('status', { ...state, attached: peer.attached });
    return 0;
  });
}

/** Who I am to the tracker. */
export function whoami(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    const result = await call(context, peer, 'whoami', {});
    context.output.lines([`${result.user} at ${result.tracker}`, `device ${result.devicePin}`]);
    context.output.result('whoami', result);
    return 0;
  });
}

/** Proves the password and leaves a session beside which later commands open theirs. */
export async function login(context: CommandContext): Promise<number> {
  const user = await userOf(context);
  const peer = (await attach(context, user)) ?? (await logIn(context, user));
  try {
    const result = await call(context, peer, 'whoami', {});
    context.output.lines([
      `Logged in as ${result.user} at ${result.tracker}${peer.attached ? ', by the peer that is running' : ''}`,
    ]);
    context.output.result('login', result);
    return 0;
  } finally {
    await peer.close();
  }
}

/** Ends the session for good, and with it the running peer. */
export function logout(context: CommandContext): Promise<number> {
  return withPeer(context, async (peer) => {
    await call(context, peer, 'logout', {});
    context.output.lines(['Logged out']);
    context.output.result('logout', {});
    return 0;
  });
}

/** Ends the running peer and waits for its end. Where none runs there is nothing to do. */
export async function xit(context: CommandContext): Promise<number> {
  const { output, process } = context;
  const peer = await attach(context);
  if (peer !== undefined) {
    await call(context, peer, 'xit', {});
    using deadline = withDeadline(process.signal, XIT_TIMEOUT_MS, process.clock);
    await untilEnded(peer, deadline.signal);
    await peer.close();
  }
  output.lines([peer === undefined ? 'No peer of yours is running' : 'The peer has ended']);
  output.result('xit', { wasRunning: peer !== undefined });
  return 0;
}

function logIn(context: CommandContext, user: string): Promise<Peer> {
  return openPeer(context, { door: context.openDoor(), user, serving: false, keepSession: true, needsPassword: true });
}
