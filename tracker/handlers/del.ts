import type { ReplyBody } from '../../common/protocol/messages.js';
import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';
import { provenPasscode } from './passcode.js';

/** Removes a stored publication with all its copies. See docs/protocol.md "del". */
export const del: Handler<'del'> = async (services, call) => {
  const { request, session } = call;
  const { publicationId } = request;
  const { registry, store } = services;
  const row = await store.findPublication(publicationId, session.user);
  const provenHash = row === undefined ? undefined : await provenPasscode(services, { session, request, row });
  const { body, isRepeated } = await mutateOnce(services, call, {
    type: 'del',
    user: session.user,
    publicationId,
    provenHash,
  });
  if (isRepeated || row === undefined) return body as ReplyBody<'del'>;
  registry.tellDepots();
  registry.noteUnpublished(row.owner, publicationId);
  for (const owner of registry.sessionsOf(row.owner))
    if (owner !== session && registry.isActive(owner)) owner.outbox.post({ event: 'library' });
  return body as ReplyBody<'del'>;
};
