import type { Request } from '../../common/protocol/messages.js';
import { keyOf } from '../store/search-order.js';
import type { SearchFilters } from '../store/store.js';
import type { Handler } from './call.js';
import { fitPage, rowsWanted } from './page.js';
import { toPublication } from './publication.js';
import { decodeSearchKey, encodeSearchKey } from './search-cursor.js';

/** Publications by name, owner, size and the like, newest first unless asked otherwise. See docs/protocol.md "search". */
export const search: Handler<'search'> = async ({ store, registry, cursors }, { request, session, carrier }) => {
  const { text, ignoreCase, exact, all, mine, limit, cursor, sort: order = 'newest' } = request;
  const after = decodeSearchKey(cursors.open(cursor), order);
  await registry.refreshLive();
  const found = await store.search({
    ...filtersOf(request),
    viewer: session.user,
    text,
    ignoreCase: ignoreCase === true,
    exact: exact === true,
    liveOnly: all !== true,
    exceptUser: mine === true ? undefined : session.user,
    publicationIds: request.publicationIds,
    order,
    limit: rowsWanted(limit, carrier),
    after,
  });
  return fitPage(carrier, {
    id: request.id,
    rows: found.rows,
    build: (rows, cursorAfter) => ({
      publications: rows.map((row) => toPublication(registry, row, session.user)),
      partial: found.isPartial && rows.length === found.rows.length,
      ...cursorAfter,
    }),
    cursorAfter: (row) => cursors.seal(encodeSearchKey(keyOf(row, order), order)),
    next: found.next === undefined ? undefined : cursors.seal(encodeSearchKey(found.next, order)),
  });
};

function filtersOf(request: Request<'search'>): SearchFilters {
  const { owner, idPrefix, minSize, maxSize, publishedAfter, publishedBefore, endings, kind } = request;
  return { owner, idPrefix, minSize, maxSize, publishedAfter, publishedBefore, endings, kind };
}
