import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_FILE_BYTES } from '../../common/content/chunk-size.js';
import { checkFileName } from '../../common/content/file-name.js';
import { ERROR_TEXTS, ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody, Request } from '../../common/protocol/messages.js';
import { newPublicationId } from '../ids.js';
import type { NewPublication } from '../registry/matches.js';
import type { PublishEntry, Refused } from '../store/store.js';
import type { Call, Handler } from './call.js';
import { mutateOnce } from './mutation.js';
import { noteRights } from './note-rights.js';

/** Entries of a request that are not taken in the turn in which they were read. */
const MANY = 100;

/** The owner is the session's user, whatever the message says. See docs/protocol.md "publish". */
export const publish: Handler<'publish'> = async (services, call) => {
  const { request, session, carrier } = call;
  if (carrier.kind === 'udp' && request.entries.length > 1) throw new ProtocolError('use-tcp');
  const { user, device } = session;
  services.rates.take(user, 'publishRate', request.entries.length);
  if (request.entries.length >= MANY) await nextTurn(); // to read so many was a turn's work: heartbeats come first
  const now = services.clock.now();
  const entries = request.entries.map((entry) => toEntry(entry, now));
  const outcome = await mutateOnce(services, call, {
    type: 'publish',
    user,
    device,
    entries,
    quota: services.policy.limitOf(user, 'publications'),
    putQuotaBytes: services.putQuotaBytes,
    rights: request.rights,
    terms: request.terms,
  });
  const body = outcome.body as ReplyBody<'publish'>;
  const applied = body.results.filter((result) => result.ok);
  // Also at a repetition: the first one may have been applied before a restart, in which what is live was forgotten.
  services.registry.notePublished(
    session,
    applied.map(({ publicationId }) => publicationId),
  );
  if (!outcome.isRepeated) {
    const [first] = request.entries;
    if (request.rights !== undefined && first !== undefined && applied.length > 0)
      noteRights(services, session, [nameOf(first.name, request.entries.length)], request);
    const changed = applied.filter(({ change }) => change === 'replaced' || request.terms?.downloads);
    if (changed.some(({ publicationId }) => services.registry.isStored(publicationId))) services.registry.tellDepots();
    for (const { publicationId } of changed) services.registry.clearSwarm(publicationId);
  }
  const news = newPublications(call, body, Math.floor(services.clock.now()));
  void services.matches.published(news);
  services.otherNodes.published(news);
  return body;
};

/** One row of the audit for all entries of a request: they have the same rights. */
function nameOf(first: string, count: number): string {
  return count === 1 ? first : `${first} and ${count - 1} more`;
}

/** At a repetition too: whoever was told by the first one knows that. */
function newPublications(
  { request, session }: Call<'publish'>,
  { results }: ReplyBody<'publish'>,
  publishedAt: number,
): NewPublication[] {
  return request.entries.flatMap((entry, index) => {
    const result = results[index];
    if (result?.ok !== true || result.change === 'unchanged') return [];
    const { publicationId, rights } = result;
    // One that expires may be hidden from the beginning.
    const isPublic = rights === 'public' && request.terms === undefined;
    const size = entry.kind === 'file' ? entry.size : (entry.bytes ?? 0);
    return [{ ...entry, size, publicationId, owner: session.user, publishedAt, isPublic }];
  });
}

function toEntry(entry: Request<'publish'>['entries'][number], now: number): PublishEntry | Refused {
  const { name, fileId, size, kind, files, bytes, replace, publicationId } = entry;
  const problem = checkFileName(name);
  if (problem !== undefined) return { refused: { code: 'bad-name', message: problem.message } };
  if (size > MAX_FILE_BYTES) return { refused: { code: 'too-large', message: ERROR_TEXTS['too-large'] } };
  const content = kind === 'file' ? { size } : { size: bytes ?? 0, listingSize: size, files };
  return { name, fileId, kind, ...content, replace: replace === true, publicationId, newId: newPublicationId(now) };
}
