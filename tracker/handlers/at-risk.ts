import { LONG_UNSEEN_MS } from '../../common/protocol/limits.js';
import type { Handler } from './call.js';
import { decodeRowKey, encodeRowKey, fitPage, rowsWanted } from './page.js';
import { toPublication } from './publication.js';

/** What one holder alone has, or nobody that was seen lately. See docs/protocol.md "atRisk". */
export const atRisk: Handler<'atRisk'> = async ({ store, registry, clock }, { request, session, carrier }) => {
  const limit = rowsWanted(request.limit, carrier);
  const unseenBefore = Math.floor(clock.now()) - LONG_UNSEEN_MS;
  const found = await store.atRisk({
    viewer: session.user,
    mine: request.all !== true,
    unseenBefore,
    limit: limit + 1,
    after: decodeRowKey(request.cursor),
  });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const rows = page
    .map((row) => ({ ...toPublication(registry, row, session.user), holders: row.holders }))
    // Who fetched it and serves it is a holder too, for as long as it does; a source that is there was seen just now.
    .filter(({ sources, holders }) => sources < 2 && (holders === 1 || sources === 0));
  return fitPage(carrier, {
    id: request.id,
    rows,
    build: (some, cursor) => ({ publications: [...some], ...cursor }),
    cursorAfter: encodeRowKey,
    next: found.length > limit && last !== undefined ? encodeRowKey(last) : undefined,
  });
};
