import type { Handler } from './call.js';
import { decodeRowKey, encodeRowKey, fitPage, rowsWanted } from './page.js';
import { toPublication } from './publication.js';

/** One's own, online or not. See docs/protocol.md "listPublished". */
export const listPublished: Handler<'listPublished'> = async ({ store, registry }, { request, session, carrier }) => {
  const limit = rowsWanted(request.limit, carrier);
  const after = decodeRowKey(request.cursor);
  const rows = await store.listPublished({ user: session.user, limit: limit + 1, after });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return fitPage(carrier, {
    id: request.id,
    rows: page,
    build: (some, cursor) => ({
      publications: some.map((row) => toPublication(registry, row, session.user)),
      ...cursor,
    }),
    cursorAfter: encodeRowKey,
    next: rows.length > limit && last !== undefined ? encodeRowKey(last) : undefined,
  });
};
