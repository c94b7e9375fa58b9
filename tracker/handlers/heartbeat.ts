import type { Handler } from './call.js';

/** The request itself has shown that the peer is there. See docs/protocol.md "heartbeat". */
export const heartbeat: Handler<'heartbeat'> = async (services, { request, session }) => {
  const { registry, store, dialBack, clock } = services;
  if (request.libraryRevision !== undefined && !session.isLibraryLive) {
    const { libraryRevision } = await store.loginFacts(session.user, session.device);
    if (request.libraryRevision === libraryRevision) registry.setLibraryLive(session);
  }
  dialBack.check(session);
  session.heartbeatMs = registry.heartbeatMs();
  return { epoch: registry.epoch, heartbeatMs: session.heartbeatMs, serverTime: Math.floor(clock.now()) };
};
