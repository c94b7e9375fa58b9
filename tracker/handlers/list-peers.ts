import type { Session } from '../registry/session.js';
import type { Handler } from './call.js';
import { decodeCursor, encodeCursor, fitPage, rowsWanted } from './page.js';

/** Other active users, by name. See docs/protocol.md "listPeers". */
export const listPeers: Handler<'listPeers'> = async ({ store, registry }, { request, session, carrier }) => {
  const after = decodeCursor(request.cursor);
  const own = session.user.toLowerCase();
  const others = registry
    .peers()
    .filter(({ user }) => user.toLowerCase() !== own && (after === undefined || user.toLowerCase() > after));
  const limit = rowsWanted(request.limit, carrier);
  const page = others.slice(0, limit);
  const counts = await store.countPublications(page.map(livePublications), session.user);
  const rows = page.map((peer, index) => ({
    user: peer.user,
    publications: counts[index] ?? 0,
    since: peer.activeSince,
  }));
  const last = page.at(-1);
  return fitPage(carrier, {
    id: request.id,
    rows,
    build: (some, cursor) => ({ peers: [...some], ...cursor }),
    cursorAfter: ({ user }) => encodeCursor(user.toLowerCase()),
    next: others.length > limit && last !== undefined ? encodeCursor(last.user.toLowerCase()) : undefined,
  });
};

function livePublications({ user, device, isLibraryLive, published }: Session) {
  return isLibraryLive ? { user, device } : { user, device, only: [...published] };
}
