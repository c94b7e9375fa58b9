/**
 * Opens a running peer to the other programs of its user: a Unix socket (mode 0600 in a folder of mode 0700) or a Windows named pipe.
 * It knows nothing of what a peer does; it carries calls, progress and state between `Peer` and lines. Who may listen at a path is
 * decided before by the lock of the state folder (`peer/door/door.ts`): a socket file found there is a dead one.
 */
import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { ensurePrivateDir } from '../../common/runtime/files.js';
import { type Peer, PeerError } from '../api.js';
import { LocalSession } from './local-session.js';
import { judgeSocketFolder } from './socket-folder.js';

export interface LocalServerOptions {
  readonly clock?: Clock;
}

export interface LocalServer {
  readonly path: string;
  /** No new clients from now on; the socket file is gone. Those who are there stay. */
  stopAccepting(): void;
  /** Lets every client have its last answers, then hangs up. Twice is fine. */
  close(): Promise<void>;
}

/** How long a client may take to read its last answers before the line is cut. */
const FAREWELL_MS = 300;

/** Listens at `path` for `peer`. @throws {PeerError} `unwritable` when the socket cannot be made. */
export async function serveLocal(
  peer: Peer,
  path: string,
  { clock = systemClock }: LocalServerOptions = {},
): Promise<LocalServer> {
  const sessions = new Set<LocalSession>();
  const server = createServer((socket) => {
    const session = new LocalSession(peer, socket, clock);
    sessions.add(session);
    socket.once('close', () => sessions.delete(session));
  });
  await listen(server, path);
  return {
    path,
    stopAccepting: () => void server.close(),
    async close() {
      server.close();
      await Promise.all([...sessions].map((session) => session.close(FAREWELL_MS)));
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  try {
    if (!path.startsWith('\\\\')) await clearPlace(path);
    server.listen({ path });
    await once(server, 'listening');
    if (!path.startsWith('\\\\')) await chmod(path, 0o600);
  } catch (cause) {
    server.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PeerError({ code: 'unwritable', message: `Cannot open the local socket ${path}: ${reason}` }, { cause });
  }
}

/** A killed peer leaves its socket file behind. The caller holds the lock, so nobody can be listening there. */
async function clearPlace(path: string): Promise<void> {
  const folder = dirname(path);
  await refuseForeign(folder); // before it: a link would be followed, and where it leads tightened
  await ensurePrivateDir(folder);
  await refuseForeign(folder);
  await rm(path, { force: true });
}

async function refuseForeign(folder: string): Promise<void> {
  if ((await judgeSocketFolder(folder)) !== 'foreign') return;
  throw new Error(
    `${folder} belongs to another user, or is a link. Remove it, or choose a folder of your own with --data.`,
  );
}
