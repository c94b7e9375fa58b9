import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody } from '../../common/protocol/messages.js';
import type { Services } from '../services.js';
import type { PublicationRow } from '../store/store.js';
import type { Call, Handler } from './call.js';
import { mutateOnce } from './mutation.js';
import { noteKept, noteRemoved } from './note-depots.js';
import { provenPasscode } from './passcode.js';

/** Removes a stored publication with all its copies. See docs/protocol.md "del". */
export const del: Handler<'del'> = async (services, call) => {
  const { request, session } = call;
  const { publicationId } = request;
  const { registry, store, audit } = services;
  const row = await store.findPublication(publicationId, session.user);
  const { body, isRepeated } = await remove(services, call, row);
  if (isRepeated || row === undefined) return body as ReplyBody<'del'>;
  registry.tellDepots();
  registry.noteUnpublished(row.owner, publicationId);
  for (const owner of registry.sessionsOf(row.owner))
    if (owner !== session && registry.isActive(owner)) owner.outbox.post({ event: 'library' });
  noteRemoved(services, session, row);
  await audit.settle();
  return body as ReplyBody<'del'>;
};

/** @throws {ProtocolError} why it is not removed. */
async function remove(services: Services, call: Call<'del'>, row: PublicationRow | undefined) {
  const { request, session } = call;
  const { publicationId } = request;
  const { user } = session;
  try {
    const provenHash = row === undefined ? undefined : await provenPasscode(services, { session, request, row });
    return await mutateOnce(services, call, { type: 'del', user, publicationId, provenHash });
  } catch (error) {
    // Without a passcode everybody begins.
    if (row !== undefined && error instanceof ProtocolError && error.code !== 'passcode-needed')
      noteKept(services, session, row, error.code);
    throw error;
  }
}
