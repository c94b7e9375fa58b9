import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';
import { endSwarms } from './swarm.js';

/** Who may fetch publications of one's own and on which terms, by name. See docs/protocol.md "rights". */
export const rights: Handler<'rights'> = async (services, call) => {
  const { request, session, carrier } = call;
  if (carrier.kind === 'udp' && request.names.length > 1) throw new ProtocolError('use-tcp');
  const { names, rights, terms } = request;
  const outcome = await mutateOnce(services, call, { type: 'rights', user: session.user, names, rights, terms });
  const body = outcome.body as ReplyBody<'rights'>;
  if (terms?.downloads) endSwarms(services, body.results);
  return body;
};
