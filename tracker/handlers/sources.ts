import { SWARM_BRINGERS, TICKET_LIFE_MS } from '../../common/protocol/limits.js';
import type { ReplyBody, Request } from '../../common/protocol/messages.js';
import { addressesFor } from '../registry/addresses.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { PublicationRow } from '../store/store.js';
import type { Handler } from './call.js';
import { decodeCursor, encodeCursor, fitPage, rowsWanted } from './page.js';
import { contentSize } from './publication.js';
import { settleDials } from './settle-dials.js';
import { giveTicket } from './ticket.js';
import { visibleRow } from './visible-row.js';

type Source = ReplyBody<'sources'>['sources'][number];

/** Who has a publication, and the permission to fetch it. See docs/protocol.md "sources". */
export const sources: Handler<'sources'> = async (services, { request, session, carrier }) => {
  const { row, isForDepot } = await visibleRow(services, request.publicationId, session);
  const content = await wantedContent(services, { request, session, row });
  const after = decodeCursor(request.cursor);
  const wish = { session, request, row, content, isForDepot };
  const ticket = request.ticket && after === undefined ? { ticket: await giveTicket(services, wish) } : {};
  const found = services.registry
    .sourcesOf({ ...row, fileId: content.fileId })
    .filter((source) => source.session.device !== session.device);
  await settleDials(
    services,
    found.map((source) => source.session),
  );
  const first = firstOf(found.map(({ session: { device }, has }) => ({ device, has })));
  const turn = (device: string): string => `${first.has(device) ? 0 : 1}${turnOf(device, session.device)}`;
  const all = found
    .map(
      ({ session: peer, has }): Source => ({
        user: peer.user,
        device: peer.device,
        has,
        addresses: addressesFor(peer, session, services.advertised),
      }),
    )
    .toSorted((a, b) => (turn(a.device) < turn(b.device) ? -1 : 1)) // to everybody in another order
    .filter(({ device }) => after === undefined || turn(device) > after);
  const limit = rowsWanted(request.limit, carrier);
  const page = all.slice(0, limit);
  const last = page.at(-1);
  const { publicationId, revision } = row;
  return fitPage(carrier, {
    id: request.id,
    rows: page,
    build: (some, cursor) => ({ publicationId, ...content, revision, ...ticket, sources: [...some], ...cursor }),
    cursorAfter: ({ device }) => encodeCursor(turn(device)),
    next: all.length > limit && last !== undefined ? encodeCursor(turn(last.device)) : undefined,
  });
};

interface Wanted {
  readonly request: Request<'sources'>;
  readonly session: Session;
  readonly row: PublicationRow;
}

/** Of what has been replaced meanwhile only who has a ticket that is still good gets the old content: it is what was begun with. */
async function wantedContent(
  { store, clock }: Services,
  { request: { fileId }, session: { user, device }, row }: Wanted,
): Promise<{ fileId: string; size: number }> {
  if (fileId !== undefined && fileId !== row.fileId) {
    const { publicationId } = row;
    const since = Math.floor(clock.now()) - TICKET_LIFE_MS;
    const size = await store.sizeOfBegun({ publicationId, fileId, user, device, since });
    if (size !== undefined) return { fileId, size };
  }
  return { fileId: row.fileId, size: contentSize(row) };
}

/** Everybody is told of these: some that have all, and the downloaders that bring it to the others. */
function firstOf(found: readonly Pick<Source, 'device' | 'has'>[]): Set<string> {
  const lowest = (wanted: Source['has']): string[] => {
    const devices = found.filter(({ has }) => has === wanted).map(({ device }) => device);
    return devices.toSorted().slice(0, SWARM_BRINGERS);
  };
  return new Set([...lowest('all'), ...lowest('part')]);
}

/**
 * Where `device` stands in the list that `asker` gets. In the order of a ring each would know only those next to it, and a large swarm
 * would pass chunks along a chain.
 */
function turnOf(device: string, asker: string): string {
  const [a, b] = [device, asker].map((pin) => Number.parseInt(pin.slice(0, 8), 16)) as [number, number];
  let mixed = Math.imul(a, 0x9e3779b1) ^ b;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return `${((mixed ^ (mixed >>> 16)) >>> 0).toString(16).padStart(8, '0')}${device}`;
}
