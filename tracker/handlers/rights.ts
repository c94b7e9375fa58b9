import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';

/** Who may fetch publications of one's own, by name. See docs/protocol.md "rights". */
export const rights: Handler<'rights'> = async (services, call) => {
  const { request, session, carrier } = call;
  if (carrier.kind === 'udp' && request.names.length > 1) throw new ProtocolError('use-tcp');
  const change = { type: 'rights', user: session.user, names: request.names, rights: request.rights } as const;
  const { body } = await mutateOnce(services, call, change);
  return body as ReplyBody<'rights'>;
};
