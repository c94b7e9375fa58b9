import { ProtocolError } from '../../common/protocol/errors.js';
import type { ReplyBody, Request } from '../../common/protocol/messages.js';
import type { NewPublication } from '../registry/matches.js';
import type { Services } from '../services.js';
import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';
import { noteRights } from './note-rights.js';
import { endSwarms } from './swarm.js';

/** Who may fetch publications of one's own and on which terms, by name. See docs/protocol.md "rights". */
export const rights: Handler<'rights'> = async (services, call) => {
  const { request, session, carrier } = call;
  if (carrier.kind === 'udp' && request.names.length > 1) throw new ProtocolError('use-tcp');
  const { names, rights, terms } = request;
  services.rates.take(session.user, 'publishRate', names.length);
  const limited = await hiddenOf(services, session.user, request);
  const outcome = await services.matches.revealed(limited, () =>
    mutateOnce(services, call, { type: 'rights', user: session.user, device: session.device, names, rights, terms }),
  );
  services.otherNodes.published(limited); // those there who may see one are told; who was told before tells nobody
  const body = outcome.body as ReplyBody<'rights'>;
  if (terms?.downloads) endSwarms(services, body.results);
  if (!outcome.isRepeated) {
    const applied = names.filter((_, index) => body.results[index]?.ok === true);
    noteRights(services, session, applied, { rights, terms });
    await services.audit.settle();
  }
  return body;
};

/** Those of the names that are hidden from some, or may be: others may be told of them when they are not any more. */
async function hiddenOf(
  { store, matches, otherNodes }: Services,
  user: string,
  { names, terms }: Request<'rights'>,
): Promise<NewPublication[]> {
  const found: NewPublication[] = [];
  if (matches.isEmpty && !otherNodes.hasSearches) return found;
  for (const text of names) {
    const exact = { text, exact: true, ignoreCase: false, owner: user, viewer: user, liveOnly: false, limit: 1 };
    const [row] = (await store.search(exact)).rows;
    if (row !== undefined && (row.rights !== 'public' || terms !== undefined)) found.push({ ...row, isPublic: false });
  }
  return found;
}
