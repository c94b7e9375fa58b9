import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody, Rights } from '../../common/protocol/messages.js';
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
  if (!outcome.isRepeated) {
    const { user, device, observed } = session;
    const detail = [rights === undefined ? '' : textOf(rights), terms === undefined ? '' : 'terms'].join(' ').trim();
    for (const name of names)
      services.audit.note('rights', { user, device, address: observed.host, subject: name, detail });
    await services.audit.flush();
  }
  return body;
};

function textOf(given: Rights): string {
  if (given === 'public') return given;
  return `users ${given.users.join(',') || 'none'}; groups ${given.groups.join(',') || 'none'}`;
}
