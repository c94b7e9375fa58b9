import { ProtocolError } from '../../common/protocol/errors.js';
import type { PathKey } from '../store/path-rows.js';
import type { Handler } from './call.js';
import { fitPage, rowsWanted } from './page.js';
import { toFoundPath } from './publication.js';

const PATH_KEY = /^(\d{1,16})\.([A-Za-z0-9_-]{21})\.(\d{1,16})$/;

/** Files inside folders. See docs/protocol.md "searchPaths". */
export const searchPaths: Handler<'searchPaths'> = async (
  { store, registry, cursors },
  { request, session, carrier },
) => {
  await registry.refreshLive();
  const found = await store.searchPaths({
    viewer: session.user,
    text: request.text,
    ignoreCase: request.ignoreCase === true,
    liveOnly: request.all !== true,
    exceptUser: request.mine === true ? undefined : session.user,
    owner: request.owner,
    limit: rowsWanted(request.limit, carrier),
    after: decodePathKey(cursors.open(request.cursor)),
  });
  return fitPage(carrier, {
    id: request.id,
    rows: found.rows,
    build: (rows, cursor) => ({
      paths: rows.map((row) => toFoundPath(registry, row)),
      partial: found.isPartial && rows.length === found.rows.length,
      ...cursor,
    }),
    cursorAfter: (row) => cursors.seal(encodePathKey(row)),
    next: found.next === undefined ? undefined : cursors.seal(encodePathKey(found.next)),
  });
};

function encodePathKey({ publishedAt, publicationId, pathId }: PathKey): string {
  return `${publishedAt}.${publicationId}.${pathId}`;
}

function decodePathKey(text: string | undefined): PathKey | undefined {
  if (text === undefined) return undefined;
  const [, publishedAt, publicationId, pathId] = PATH_KEY.exec(text) ?? [];
  if (publicationId === undefined) throw new ProtocolError('bad-message', 'The cursor is not one of this list.');
  return { publishedAt: Number(publishedAt), publicationId, pathId: Number(pathId) };
}
