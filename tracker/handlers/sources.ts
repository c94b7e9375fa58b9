import { ProtocolError } from '../../common/protocol/errors.js';
import { TICKET_LIFE_MS } from '../../common/protocol/limits.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import { signTicket } from '../../common/wire/ticket.js';
import { newId } from '../ids.js';
import { addressesFor } from '../registry/addresses.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { PublicationRow } from '../store/store.js';
import type { Handler } from './call.js';
import { decodeCursor, encodeCursor, fitPage, rowsWanted } from './page.js';

/** A peer that has just come is being dialled: waiting a moment for that saves the downloader a second question. */
const DIAL_WAIT_MS = 1_000;

type Source = ReplyBody<'sources'>['sources'][number];

/** Who has a publication, and the permission to fetch it. See docs/protocol.md "sources". */
export const sources: Handler<'sources'> = async (services, { request, session, carrier }) => {
  const row = await services.store.findPublication(request.publicationId, session.user);
  if (row === undefined) throw new ProtocolError('not-found');
  const after = decodeCursor(request.cursor);
  const found = services.registry.sourcesOf(row).filter((source) => source.session.device !== session.device);
  await settle(
    services,
    found.map((source) => source.session),
  );
  const turn = (device: string): string => `${device >= session.device ? 0 : 1}${device}`;
  const all = found
    .map(
      ({ session: peer, has }): Source => ({
        user: peer.user,
        device: peer.device,
        has,
        addresses: addressesFor(peer, session, services.advertised),
      }),
    )
    .toSorted((a, b) => (turn(a.device) < turn(b.device) ? -1 : 1)) // everybody begins at another one
    .filter(({ device }) => after === undefined || turn(device) > after);
  const limit = rowsWanted(request.limit, carrier);
  const page = all.slice(0, limit);
  const last = page.at(-1);
  const ticket = request.ticket && after === undefined ? { ticket: giveTicket(services, session, row) } : {};
  const { publicationId, fileId, size, revision } = row;
  return fitPage(carrier, {
    id: request.id,
    rows: page,
    build: (some, cursor) => ({ publicationId, fileId, size, revision, ...ticket, sources: [...some], ...cursor }),
    cursorAfter: ({ device }) => encodeCursor(turn(device)),
    next: all.length > limit && last !== undefined ? encodeCursor(turn(last.device)) : undefined,
  });
};

/** Waits for dial-backs that are under way, not longer than a moment. */
async function settle({ dialBack, clock }: Services, peers: readonly Session[]): Promise<void> {
  const unproven = peers.filter(({ reach, filePort }) => filePort !== undefined && !reach.isProven);
  if (unproven.length === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(resolve, DIAL_WAIT_MS);
  for (const peer of unproven) dialBack.check(peer);
  await Promise.race([Promise.all(unproven.map((peer) => dialBack.settled(peer))), promise]);
  timer.cancel();
}

function giveTicket({ identity, clock, store, log }: Services, session: Session, row: PublicationRow): string {
  const issuedAt = Math.floor(clock.now());
  const { publicationId, fileId, size } = row;
  session.tickets.add(publicationId);
  // Not awaited: the store takes this step after the one that found the publication, and revokes the ticket if rights changed between.
  store
    .recordTicket({ publicationId, user: session.user, device: session.device, at: issuedAt })
    .catch((error: unknown) => log.write('warn', 'a ticket could not be recorded', { error }));
  return signTicket(
    {
      v: 1,
      ticketId: newId(),
      publicationId,
      fileId,
      size,
      user: session.user,
      device: session.device,
      limits: {},
      issuedAt,
      notAfter: issuedAt + TICKET_LIFE_MS,
    },
    identity,
  );
}
