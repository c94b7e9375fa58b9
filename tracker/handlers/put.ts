import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';
import { notePut } from './note-depots.js';

/** Wants publications of one's own stored in depots. See docs/protocol.md "put". */
export const put: Handler<'put'> = async (services, call) => {
  const { request, session, carrier } = call;
  if (carrier.kind === 'udp' && request.names.length > 1) throw new ProtocolError('use-tcp');
  const { names, depots: named, copies = 1, removal } = request;
  const depots = await appointed(services);
  const { body, isRepeated } = await mutateOnce(services, call, {
    type: 'put',
    user: session.user,
    names,
    depots,
    named,
    copies,
    removal,
    quotaBytes: services.putQuotaBytes,
  });
  services.registry.tellDepots();
  if (!isRepeated) notePut(services, session, names, body as ReplyBody<'put'>);
  return body as ReplyBody<'put'>;
};

async function appointed({ registry, store }: Parameters<typeof put>[0]) {
  const live = registry.depots();
  const isDepot = await Promise.all(live.map(({ user }) => store.isDepot(user)));
  return live
    .filter((_depot, index) => isDepot[index])
    .map(({ user, device, depotCapacity = 0 }) => ({ user, device, capacity: depotCapacity }));
}
