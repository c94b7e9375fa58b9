import { ProtocolError } from '../../common/protocol/errors.js';
import type { Session } from '../registry/session.js';
import type { Services } from '../services.js';
import type { PublicationRow } from '../store/store.js';
import { isOwn } from './ticket.js';

/** The publication, for who may fetch it. @throws {ProtocolError} `not-found` for everybody else. */
export async function visibleRow(
  { store, clock }: Services,
  publicationId: string,
  { user, device, depotCapacity }: Session,
): Promise<{ readonly row: PublicationRow; readonly isForDepot: boolean }> {
  // What a depot is to store it may fetch, whatever its user may.
  const stored = depotCapacity === undefined ? undefined : await store.findForDepot(publicationId, { user, device });
  if (stored !== undefined) return { row: stored, isForDepot: true };
  const row = await store.findPublication(publicationId, user);
  // The store hides what has expired a moment later.
  const isOver = row?.expiresAt !== undefined && row.expiresAt <= clock.now() && !isOwn(row, user);
  if (row === undefined || isOver) throw new ProtocolError('not-found');
  return { row, isForDepot: false };
}
