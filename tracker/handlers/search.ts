import type { Handler } from './call.js';
import { decodeRowKey, encodeRowKey, fitPage, rowsWanted } from './page.js';
import { toPublication } from './publication.js';

/** Names that contain a text, newest first. See docs/protocol.md "search". */
export const search: Handler<'search'> = async ({ store, registry }, { request, session, carrier }) => {
  const after = decodeRowKey(request.cursor);
  await registry.refreshLive();
  const found = await store.search({
    viewer: session.user,
    text: request.text,
    ignoreCase: request.ignoreCase === true,
    exact: request.exact === true,
    liveOnly: request.all !== true,
    exceptUser: request.mine === true ? undefined : session.user,
    owner: request.owner,
    idPrefix: request.idPrefix,
    limit: rowsWanted(request.limit, carrier),
    after,
  });
  return fitPage(carrier, {
    id: request.id,
    rows: found.rows,
    build: (rows, cursor) => ({
      publications: rows.map((row) => toPublication(registry, row, session.user)),
      partial: found.isPartial && rows.length === found.rows.length,
      ...cursor,
    }),
    cursorAfter: encodeRowKey,
    next: found.next === undefined ? undefined : encodeRowKey(found.next),
  });
};
