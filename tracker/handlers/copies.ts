import type { Handler } from './call.js';

/** Where publications of one's own are stored. See docs/protocol.md "copies". */
export const copies: Handler<'copies'> = async ({ store }, { request, session }) => {
  const found = await store.copiesOf(request.publicationIds, session.user);
  return {
    publications: request.publicationIds.map((publicationId, index) => ({ publicationId, copies: found[index] ?? [] })),
  };
};
