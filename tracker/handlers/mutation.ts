import { createHash } from 'node:crypto';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Services } from '../services.js';
import type { Change, MutationBody } from '../store/store.js';
import type { Call } from './call.js';

type MutationType = Change['type'];

/** Applies `change` once for this request id, and gives its outcome: the same at every repetition. @throws {ProtocolError} */
export async function mutateOnce(
  services: Services,
  call: Call<MutationType>,
  change: Change,
): Promise<{ body: MutationBody; isRepeated: boolean }> {
  const { request, session } = call;
  if (session.spentIds.has(request.id)) throw new ProtocolError('id-reused');
  const outcome = await services.store.mutate({
    session: session.name,
    user: session.user,
    requestId: request.id,
    bodyHash: bodyHash(request),
    at: Math.floor(services.clock.now()),
    acks: request.acks ?? [],
    change,
  });
  if (outcome.kind === 'refused') throw new ProtocolError(outcome.code);
  return { body: outcome.body, isRepeated: outcome.kind === 'repeated' };
}

/** Of what the request means: `acks` and `seen` may differ from one sending to the next. */
function bodyHash({ acks: _acks, seen: _seen, ...body }: Call<MutationType>['request']): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('base64url');
}
