import type { Handler } from './call.js';
import { decodeNumber, encodeCursor, fitPage, rowsWanted } from './page.js';

/** What a depot has to do. Nobody else has any. See docs/protocol.md "work". */
export const work: Handler<'work'> = async ({ store }, { request, session, carrier }) => {
  const limit = rowsWanted(request.limit, carrier);
  const { user, device } = session;
  const after = decodeNumber(request.cursor) ?? 0;
  const rows = await store.depotWork({ user, device, all: request.all === true, limit: limit + 1, after });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return fitPage(carrier, {
    id: request.id,
    rows: page,
    build: (some, cursor) => ({ work: some.map(({ copyId: _own, ...row }) => row), ...cursor }),
    cursorAfter: ({ copyId }) => encodeCursor(String(copyId)),
    next: rows.length > limit && last !== undefined ? encodeCursor(String(last.copyId)) : undefined,
  });
};
