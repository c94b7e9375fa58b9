import type { Handler } from './call.js';

/** Where the nodes are is told for so long after it changed, ms: some heartbeats of each peer. */
const TELL_NODES_MS = 30_000;

/** The request itself has shown that the peer is there. See docs/protocol.md "heartbeat". */
export const heartbeat: Handler<'heartbeat'> = async (services, { request, session }) => {
  const { registry, store, dialBack, clock } = services;
  if (request.libraryRevision !== undefined && !session.isLibraryLive) {
    const { libraryRevision } = await store.loginFacts(session.user, session.device);
    if (request.libraryRevision === libraryRevision) registry.setLibraryLive(session);
  }
  dialBack.check(session);
  session.heartbeatMs = registry.heartbeatMs();
  const isNews = clock.monotonic() - services.nodesChangedAt < TELL_NODES_MS;
  return {
    ...{ epoch: registry.epoch, heartbeatMs: session.heartbeatMs, serverTime: Math.floor(clock.now()) },
    ...(isNews ? { nodes: [...services.nodes] } : {}),
  };
};
