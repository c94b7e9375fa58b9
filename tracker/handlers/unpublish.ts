import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';

/** Only one's own, by name. See docs/protocol.md "unpublish". */
export const unpublish: Handler<'unpublish'> = async (services, call) => {
  const { request, session, carrier } = call;
  if (carrier.kind === 'udp' && request.names.length > 1) throw new ProtocolError('use-tcp');
  const { user, device } = session;
  const outcome = await mutateOnce(services, call, { type: 'unpublish', user, device, names: request.names });
  const body = outcome.body as ReplyBody<'unpublish'>;
  if (!outcome.isRepeated) {
    const gone = body.results.flatMap((result) => (result.ok ? [result.publicationId] : []));
    if (gone.some((id) => services.registry.isStored(id))) services.registry.tellDepots();
    for (const id of gone) services.registry.noteUnpublished(user, id);
  }
  return body;
};
