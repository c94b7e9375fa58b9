import { join } from 'node:path';
import { ownCommand } from '../../../common/runtime/own-command.js';
import { type Notice, type Peer, PeerError, type PeerProblem, type PeerState } from '../../api.js';
import { problemText } from '../../wording/problem.js';
import type { CommandContext } from '../context.js';
import { makeFolder } from '../make-folder.js';
import { openPeer, trackerOf } from '../open-peer.js';
import { untilEnded, untilState } from './serving.js';

/** Runs the peer until SIGTERM, SIGINT or `xit`: the daemon. */
export async function serve(context: CommandContext): Promise<number> {
  const { config, process, output } = context;
  if (config.downloads !== undefined) await makeFolder(config.downloads);
  const door = context.openDoor({ downloads: config.downloads ?? join(process.host.home, 'Downloads', 'Shoal') });
  try {
    const peer = await openPeer(context, { door, serving: true, wait: true, onWaiting: waitingTeller(context) });
    try {
      return await serveWith(context, peer);
    } finally {
      await peer.close();
    }
  } catch (error) {
    if (!process.signal.aborted) throw error;
    output.result('serve', {}); // told to end while it was still on its way: that is no failure of a daemon
    return 0;
  }
}

async function serveWith(context: CommandContext, peer: Peer): Promise<number> {
  const { process, output } = context;
  if (peer.attached)
    throw new PeerError({
      code: 'in-use',
      message: `A peer of ${peer.state().user} is running already. End it first with: ${ownCommand('xit')}`,
    });
  const ready = await untilState(peer, readyIn, process.signal);
  if ('code' in ready) throw new PeerError(ready);
  const {
    user,
    filePort: { host, port, pin },
  } = ready;
  output.lines([`serving as ${user} on ${host.includes(':') ? `[${host}]` : host}:${port}`]);
  output.event({ event: 'serving', user, host, port, pin });
  const stopTelling = tellNotices(context, peer);
  const problem = await untilEnded(peer, process.signal);
  stopTelling();
  if (problem !== undefined) throw new PeerError(problem);
  output.result('serve', {});
  return 0;
}

type ReadyState = PeerState & Required<Pick<PeerState, 'filePort'>>;

function readyIn(state: PeerState): ReadyState | PeerProblem | undefined {
  if (state.connection.kind === 'ended') return state.connection.problem;
  return state.filePort !== undefined && state.connection.kind === 'online'
    ? { ...state, filePort: state.filePort }
    : undefined;
}

/** Says each reason to wait once, not at every try. */
function waitingTeller(context: CommandContext): (reason: PeerProblem) => void {
  let said = '';
  return (reason) => {
    if (reason.message === said) return;
    said = reason.message;
    context.output.note(`Waiting for the tracker ${trackerOf(context).replace(/#.*/s, '')}. ${problemText(reason)}`);
    context.output.event({ event: 'waiting', code: reason.code, message: reason.message });
  };
}

function tellNotices({ output }: CommandContext, peer: Peer): () => void {
  let lastId = -Infinity;
  const tell = ({ notices }: PeerState): void => {
    for (const notice of notices.filter(({ noticeId }) => noticeId > lastId)) {
      lastId = notice.noticeId;
      output.note(noticeText(notice));
      output.event({ event: 'notice', ...notice });
    }
  };
  tell(peer.state());
  return peer.onState(tell);
}

function noticeText({ at, text }: Notice): string {
  return `${new Date(at).toISOString()} ${text}`;
}
