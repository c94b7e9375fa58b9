import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';
import { noteStored } from './note-depots.js';

/** A depot has a copy, has no room for it, or has it no more. See docs/protocol.md "stored". */
export const stored: Handler<'stored'> = async (services, call) => {
  const { session, request } = call;
  const { publicationId, fileId, has } = request;
  const { user, device } = session;
  const { isRepeated } = await mutateOnce(services, call, { type: 'stored', user, device, publicationId, fileId, has });
  const row = await services.store.findForDepot(publicationId, { user, device });
  if (row !== undefined && !isRepeated) noteStored(services, session, row, has);
  // Also at a repetition: a restart of the tracker may have made it forget.
  const isWhole = has === 'all' && row?.fileId === fileId;
  if (isWhole || has === 'none')
    services.registry.setHold(session, publicationId, isWhole ? { fileId, has: 'all' } : undefined);
  for (const owner of row === undefined ? [] : services.registry.sessionsOf(row.owner))
    if (services.registry.isActive(owner)) owner.outbox.post({ event: 'copies' });
  return {};
};
