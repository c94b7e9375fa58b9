import { ProtocolError } from '../../common/protocol/errors.js';
import type { Handler } from './call.js';

/** This peer runs a depot, and is a source of all it has stored. See docs/protocol.md "depot". */
export const depot: Handler<'depot'> = async ({ store, registry }, { request, session }) => {
  if (!session.isServing || !(await store.isDepot(session.user))) {
    registry.setDepot(session, undefined);
    throw new ProtocolError('not-allowed');
  }
  const isNew = session.depotCapacity === undefined;
  registry.setDepot(session, request.capacity);
  if (!isNew) return {};
  for (const { publicationId, fileId } of await store.heldCopies({ user: session.user, device: session.device }))
    registry.setHold(session, publicationId, { fileId, has: 'all' });
  return {};
};
