import type { Handler } from './call.js';
import { decodeNumber, encodeCursor, fitPage, rowsWanted } from './page.js';

/** Everything after an epoch, oldest first. See docs/protocol.md "revocations". */
export const revocations: Handler<'revocations'> = async ({ store }, { request, session, carrier }) => {
  const since = Math.max(request.since, decodeNumber(request.cursor) ?? 0);
  const limit = rowsWanted(request.limit, carrier);
  const { revocations: rows, epoch } = await store.revocations(since, limit + 1, {
    user: session.user,
    device: session.device,
  });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return fitPage(carrier, {
    id: request.id,
    rows: page,
    build: (some, cursor) => ({ revocations: [...some], epoch, ...cursor }),
    cursorAfter: (row) => encodeCursor(String(row.epoch)),
    next: rows.length > limit && last !== undefined ? encodeCursor(String(last.epoch)) : undefined,
  });
};
