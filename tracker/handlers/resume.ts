import { randomBytes } from 'node:crypto';
import { fromBase64url } from '../../common/protocol/base64url.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Request } from '../../common/protocol/messages.js';
import type { Carrier } from '../carrier.js';
import type { Entry } from '../entry.js';
import type { Services } from '../services.js';
import { admit, claimSlot, isUnchanged, upToDate } from './grant.js';

const SESSION_BYTES = 16;

/** Takes a session up again by its token, without a password hash: thousands return at once. See docs/protocol.md "resume". */
export function resume(services: Services, request: Request<'resume'>, carrier: Carrier): Promise<Entry> {
  return services.attempts.once(request, () => resumeOnce(services, request, carrier));
}

async function resumeOnce(services: Services, request: Request<'resume'>, carrier: Carrier): Promise<Entry> {
  const { store, tokens, registry } = services;
  const claim = tokens.open(request.token);
  if (claim === undefined || !tokens.isProven(claim, request)) throw new ProtocolError('bad-token');
  const { account, isEnded, libraryRevision } = await upToDate(registry, () => store.resumeFacts(claim));
  const isCurrent = account?.state === 'active' && account.generation === claim.generation;
  if (account === undefined || !isCurrent || isEnded || registry.find(claim.session)?.isEnded === true)
    throw new ProtocolError('bad-token');
  services.policy.refuseBanned(account.user);
  // A fork gets everything of its own: two programs under one access key would throw each other out.
  const own =
    request.fork === true
      ? { id: randomBytes(SESSION_BYTES), resumeKey: tokens.newKey() }
      : {
          id: fromBase64url(claim.session, SESSION_BYTES),
          resumeKey: claim.resumeKey,
          resumeToken: tokens.renew(request.token, claim),
        };
  const claimed = await claimSlot(services, { isServing: request.serving, user: account.user, id: own.id });
  if (claimed > 0 && !(await isUnchanged(services, account))) throw new ProtocolError('bad-token');
  return admit(services, {
    request,
    claimed,
    carrier,
    user: account.user,
    device: claim.device,
    generation: claim.generation,
    libraryRevision,
    ...own,
  });
}
