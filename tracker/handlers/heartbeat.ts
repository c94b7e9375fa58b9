import type { ReplyBody, Request } from '../../common/protocol/messages.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { Handler } from './call.js';

/** Where the nodes are is told for so long after it changed, ms: some heartbeats of each peer. */
const TELL_NODES_MS = 30_000;

/** The request itself has shown that the peer is there. See docs/protocol.md "heartbeat". */
export const heartbeat: Handler<'heartbeat'> = async (services, { request, session }) => {
  if (asksForLibrary(request, session)) {
    const { libraryRevision } = await services.store.loginFacts(session.user, session.device);
    if (request.libraryRevision === libraryRevision) services.registry.setLibraryLive(session);
  }
  return heartbeatAtOnce(services, session);
};

/** Whether the store has to be asked. */
export function asksForLibrary({ libraryRevision }: Request<'heartbeat'>, { isLibraryLive }: Session): boolean {
  return libraryRevision !== undefined && !isLibraryLive;
}

export function heartbeatAtOnce(services: Services, session: Session): ReplyBody<'heartbeat'> {
  const { registry, dialBack, clock } = services;
  dialBack.check(session);
  session.heartbeatMs = registry.heartbeatMs();
  const { heartbeatMs } = session;
  const body = { epoch: registry.epoch, heartbeatMs, serverTime: Math.floor(clock.now()) };
  const isNews = clock.monotonic() - services.nodesChangedAt < TELL_NODES_MS;
  return isNews ? { ...body, nodes: [...services.nodes] } : body;
}
