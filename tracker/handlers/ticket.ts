/** Gives tickets, and judges who gets one. See docs/protocol.md "sources" and "Ticket". */
import { ProtocolError } from '../../common/protocol/errors.js';
import { TICKET_LIFE_MS } from '../../common/protocol/limits.js';
import type { Request } from '../../common/protocol/messages.js';
import { signTicket } from '../../common/wire/ticket.js';
import { newId } from '../ids.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { GivenTicket, PublicationRow } from '../store/store.js';
import { provenPasscode } from './passcode.js';

export interface TicketWish {
  readonly session: Session;
  readonly request: Request<'sources'>;
  readonly row: PublicationRow;
  /** A depot is to store it: no passcode is asked for, and no download counted. */
  readonly isForDepot: boolean;
  /** The publication's, or the one that the download began with. */
  readonly content: { readonly fileId: string; readonly size: number };
}

/** @throws {ProtocolError} `passcode-needed`, `wrong-passcode`, `rate-limited`, `busy`, `used-up`, `not-found`. */
export async function giveTicket(services: Services, wish: TicketWish): Promise<string> {
  const { session, request, row, content, isForDepot } = wish;
  const { identity, clock } = services;
  const { publicationId, expiresAt } = row;
  const { user, device } = session;
  const ticket = { publicationId, ...content, user, device, at: Math.floor(clock.now()) };
  if (hasTerms(row) && !isForDepot && !isOwn(row, user)) {
    const provenHash = await provenPasscode(services, { session, request, row });
    ticket.at = Math.floor(clock.now()); // a passcode takes its time
    const admission = await services.store.admit(ticket, { provenHash });
    if (admission !== 'admitted') throw new ProtocolError(admission);
  } else {
    record(services, ticket);
  }
  session.noteTicket(publicationId);
  const issuedAt = ticket.at; // as the store knows it, which revokes it by that
  const notAfter = Math.min(issuedAt + TICKET_LIFE_MS, expiresAt ?? Number.MAX_SAFE_INTEGER);
  const address = session.observed.host;
  services.audit.noteOnce('ticket', {
    user,
    device,
    address,
    subject: publicationId,
    detail: `@${row.owner}/${row.name}`,
  });
  return signTicket(
    { v: 1, ticketId: newId(), publicationId, ...content, user, device, limits: {}, issuedAt, notAfter },
    identity,
  );
}

export function isOwn({ owner }: Pick<PublicationRow, 'owner'>, user: string): boolean {
  return owner.toLowerCase() === user.toLowerCase();
}

function hasTerms({ passcodeHash, downloads }: PublicationRow): boolean {
  return passcodeHash !== undefined || downloads !== undefined;
}

/** Not awaited: the store takes this step after the one that found the publication, and revokes the ticket if rights changed between. */
function record({ store, log }: Services, ticket: GivenTicket): void {
  store.recordTicket(ticket).catch((error: unknown) => log.write('warn', 'a ticket could not be recorded', { error }));
}
