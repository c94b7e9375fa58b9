import { checkFileName } from '../../common/content/file-name.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody, Request } from '../../common/protocol/messages.js';
import type { Services } from '../services.js';
import type { RenameEntry } from '../store/store.js';
import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';

/** Other names for publications of this device; everything else of them stays. See docs/protocol.md "rename". */
export const rename: Handler<'rename'> = async (services, call) => {
  const { request, session, carrier } = call;
  if (carrier.kind === 'udp' && request.entries.length > 1) throw new ProtocolError('use-tcp');
  const { user, device } = session;
  const entries = request.entries.map(toEntry);
  const outcome = await mutateOnce(services, call, { type: 'rename', user, device, entries });
  const body = outcome.body as ReplyBody<'rename'>;
  void tellOfNames(services, user, body);
  return body;
};

/** Somebody may look for the new name. */
async function tellOfNames(
  { store, matches }: Services,
  user: string,
  { results }: ReplyBody<'rename'>,
): Promise<void> {
  if (matches.isEmpty) return;
  for (const result of results) {
    const row = result.ok ? await store.findPublication(result.publicationId, user) : undefined;
    if (row !== undefined) await matches.published([{ ...row, isPublic: false }]);
  }
}

function toEntry(entry: Request<'rename'>['entries'][number]): RenameEntry {
  const problem = checkFileName(entry.name);
  return problem === undefined ? entry : { refused: { code: 'bad-name', message: problem.message } };
}
