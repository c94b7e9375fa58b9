/** Brings two peers together of whom one cannot dial the other. See docs/protocol.md "reach". */
import { ProtocolError } from '../../common/protocol/errors.js';
import { addressesFor } from '../registry/addresses.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { Call, Handler } from './call.js';
import { settleDials } from './settle-dials.js';
import { isOwn } from './ticket.js';
import { visibleRow } from './visible-row.js';

export const reach: Handler<'reach'> = async (services, call) => {
  const { by, token } = call.request;
  const { session: asker } = call;
  const source = await sourceFor(services, call);
  const addresses = by === 'back' ? await ownAddresses(services, asker, source) : [];
  if (by === 'relay') refuseRelay(services, asker, source);
  const meeting = services.meetings.begin({ token, by, asker, source });
  // The same request again: the source knows already.
  if (meeting === undefined) return {};
  const { user, device } = asker;
  source.outbox.post({ event: 'reach', by, token, user, device, addresses });
  return {};
};

/**
 * Attacker: who makes strangers' peers dial or relay without end. Only a device with a ticket may ask, and only for a source of that
 * publication; what it may not fetch looks as if it were not there.
 */
async function sourceFor(services: Services, { request, session }: Call<'reach'>): Promise<Session> {
  const { row, isForDepot } = await visibleRow(services, request.publicationId, session);
  const hasTicket =
    isForDepot ||
    isOwn(row, session.user) ||
    session.tickets.has(row.publicationId) ||
    (await services.store.hasTicket(row.publicationId, session.device));
  if (!hasTicket) throw new ProtocolError('not-allowed');
  const found = services.registry.sourcesOf(row).find(({ session: { device } }) => device === request.device);
  if (found === undefined || found.session.device === session.device) throw new ProtocolError('not-found');
  return found.session;
}

/** @throws {ProtocolError} `no-relay`, `relay-quota`, `busy`; `unreachable` for a source at another node, whose keys are there alone. */
function refuseRelay({ relayAccounts }: Services, asker: Session, source: Session): void {
  if (source.node !== undefined) throw new ProtocolError('unreachable');
  relayAccounts.refuse(asker.user);
}

/** Where the source may dial the asker. @throws {ProtocolError} `unreachable` when the asker cannot be dialled either. */
async function ownAddresses(
  services: Services,
  asker: Session,
  source: Session,
): Promise<ReturnType<typeof addressesFor>> {
  await settleDials(services, [asker]);
  const addresses = addressesFor(asker, source, services.advertised);
  if (addresses.length === 0) throw new ProtocolError('unreachable');
  return addresses;
}
