import { ProtocolError } from '../../common/protocol/errors.js';
import { MAX_HOLDS_PER_USER } from '../../common/protocol/limits.js';
import { hasSwarm } from '../registry/has-swarm.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { PublicationRow } from '../store/store.js';
import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';
import { isOwn } from './ticket.js';

/** The peer has all, part or none of a publication. See docs/protocol.md "hold". */
export const hold: Handler<'hold'> = async (services, call) => {
  const {
    request: { publicationId, fileId, has },
    session,
  } = call;
  const row = await services.store.findPublication(publicationId, session.user);
  if (has !== 'none') {
    await checkMayHold(services, session, { row, fileId });
    refuseTooMany(services, session, publicationId);
  }
  const { isRepeated } = await mutateOnce(services, call, { type: 'hold' });
  // A repetition is old news, unless a restart of the tracker has made it forget.
  if (isRepeated && session.holds.has(publicationId)) return {};
  if (has === 'all' && row !== undefined)
    services.audit.noteOnce(
      'fetched',
      { ...who(session), subject: publicationId, detail: `@${row.owner}/${row.name}` },
      fileId,
    );
  services.registry.setHold(session, publicationId, has === 'none' ? undefined : { fileId, has });
  return {};
};

/** Attacker: an account that says of everything there is that it has it, in each of its sessions. */
function refuseTooMany({ registry }: Services, session: Session, publicationId: string): void {
  if (session.depotCapacity !== undefined || session.holds.has(publicationId)) return;
  let held = 0;
  for (const { holds } of registry.sessionsOf(session.user)) held += holds.size;
  if (held >= MAX_HOLDS_PER_USER) throw new ProtocolError('quota');
}

function who({ user, device, observed }: Session) {
  return { user, device, address: observed.host };
}

/** Knowing an id is not having fetched under it: only who got a ticket, or the owner, is offered to others as a source. */
async function checkMayHold(
  { store }: Services,
  session: Session,
  wanted: { row: PublicationRow | undefined; fileId: string },
): Promise<void> {
  const { row, fileId } = wanted;
  if (row === undefined) throw new ProtocolError('not-found');
  if (!hasSwarm(row)) throw new ProtocolError('not-allowed');
  const hasTicket =
    isOwn(row, session.user) ||
    session.tickets.has(row.publicationId) ||
    (await store.hasTicket(row.publicationId, session.device));
  if (!hasTicket) throw new ProtocolError('not-allowed');
  if (row.fileId !== fileId) throw new ProtocolError('changed');
}
