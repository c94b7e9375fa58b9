/** Exactly once: a mutation, its outcome, and what the client has acknowledged, in one step. See docs/protocol.md "Exactly once". */
import type { Insertable, Kysely } from 'kysely';
import { ProtocolError } from '../../common/protocol/errors.js';
import {
  MAX_SESSIONS_PER_USER,
  MAX_UNACKNOWLEDGED,
  RESUME_TOKEN_LIFE_MS,
  TICKET_LIFE_MS,
} from '../../common/protocol/limits.js';
import { changeRights, rename } from './change-publications.js';
import { recordStored } from './copies-table.js';
import { removePublication } from './del.js';
import { foldUser } from './fold-user.js';
import { describeFolder } from './folders-table.js';
import { prepared } from './prepared.js';
import { publish, unpublish } from './publications-table.js';
import { put } from './put.js';
import { pruneRelayed } from './relayed-table.js';
import type { Change, Mutation, MutationBody, MutationOutcome } from './store.js';
import type { Tables } from './tables.js';
import { together } from './together.js';

type Db = Kysely<Tables>;

const OUTCOME_LIFE_MS = RESUME_TOKEN_LIFE_MS;
/** As many as the sessions that a user may have can wait for. Attacker: an account that opens sessions and acknowledges nothing. */
export const MAX_OUTCOMES_PER_USER = MAX_SESSIONS_PER_USER * MAX_UNACKNOWLEDGED;
/** One mutation of so many, which nobody can choose, sees to that: to count for each would cost all of them. */
const TRIMMED_ONCE_IN = 32;
/** A device that was away for longer publishes again what was removed. */
const REMOVED_LIFE_MS = 400 * 86_400_000;

export async function mutate(db: Db, mutation: Mutation): Promise<MutationOutcome> {
  const { session, user, requestId, bodyHash, at, acks } = mutation;
  const [known] = await selectState(db, { session, requestId });
  if (known?.body_hash != null && known.body != null) {
    if (known.body_hash !== bodyHash) return { kind: 'refused', code: 'id-reused' };
    return { kind: 'repeated', body: JSON.parse(known.body) as MutationBody };
  }
  if (known?.ended != null) return { kind: 'refused', code: 'session-ended' };
  if ((known?.waiting ?? 0) >= MAX_UNACKNOWLEDGED) {
    await acknowledge(db, session, acks);
    const [state] = await selectState(db, { session, requestId });
    if ((state?.waiting ?? 0) >= MAX_UNACKNOWLEDGED) return { kind: 'refused', code: 'too-many-pending' };
  }
  const [, body] = await together(db, [() => acknowledge(db, session, acks), () => applied(db, mutation)]);
  if (body instanceof ProtocolError) return { kind: 'refused', code: body.code };
  const userFold = foldUser(user);
  await insertOutcome(db, {
    ...{ session, request_id: requestId, body_hash: bodyHash, body: JSON.stringify(body), at, user_fold: userFold },
  });
  if (Math.random() * TRIMMED_ONCE_IN < 1) await trimOutcomes(db, { userFold });
  return { kind: 'applied', body };
}

/** What is refused as a whole has changed nothing, so its outcome need not be kept. */
async function applied(db: Db, mutation: Mutation): Promise<MutationBody | ProtocolError> {
  try {
    return await apply(db, mutation, mutation.change);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

async function apply(db: Db, { session, at }: Mutation, change: Change): Promise<MutationBody> {
  switch (change.type) {
    case 'publish':
      return publish(db, change, at);
    case 'unpublish':
      return unpublish(db, change);
    case 'rights':
      return changeRights(db, change, at);
    case 'rename':
      return rename(db, change);
    case 'put':
      return put(db, change);
    case 'del':
      return removePublication(db, change, at);
    case 'stored':
      return recordStored(db, change);
    case 'paths':
      return describeFolder(db, change);
    case 'logout':
      await db.insertInto('ended_sessions').values({ session, at }).execute();
      await db.deleteFrom('outcomes').where('session', '=', session).execute();
      return {};
    case 'hold':
      return {};
  }
}

/** `waiting`: its outcomes that are not acknowledged. Older versions kept others for a while. */
const selectState = prepared((db, { session, requestId }: { session: string; requestId: string }) => {
  const outcomes = db.selectFrom('outcomes').where('session', '=', session);
  const same = outcomes.where('request_id', '=', requestId);
  return db
    .selectNoFrom((eb) => [
      same.select('body_hash').as('body_hash'),
      same.select('body').as('body'),
      db.selectFrom('ended_sessions').select('at').where('session', '=', session).as('ended'),
      outcomes.where('acked_at', 'is', null).select(eb.fn.countAll<number>().as('count')).as('waiting'),
    ])
    .compile();
});

const insertOutcome = prepared(
  (db, { session, request_id, body_hash, body, at, user_fold }: Omit<Insertable<Tables['outcomes']>, 'acked_at'>) =>
    db.insertInto('outcomes').values({ session, request_id, body_hash, body, at, acked_at: null, user_fold }).compile(),
);

/** The oldest go, those of sessions that are not the user's any more among them. */
const trimOutcomes = prepared((db, { userFold }: { userFold: string }) => {
  const ofUser = db.selectFrom('outcomes').where('user_fold', '=', userFold);
  const first = ofUser.select('at').orderBy('at', 'desc').limit(1).offset(MAX_OUTCOMES_PER_USER);
  return db.deleteFrom('outcomes').where('user_fold', '=', userFold).where('at', '<=', first).compile();
});

const deleteOutcome = prepared((db, { session, requestId }: { session: string; requestId: string }) =>
  db.deleteFrom('outcomes').where('session', '=', session).where('request_id', '=', requestId).compile(),
);

/** See `Store.acknowledge`. */
export async function acknowledge(db: Db, session: string, requestIds: readonly string[]): Promise<void> {
  const [requestId] = requestIds;
  if (requestId === undefined) return;
  if (requestIds.length === 1) await deleteOutcome(db, { session, requestId });
  else await db.deleteFrom('outcomes').where('session', '=', session).where('request_id', 'in', requestIds).execute();
}

/** Outcomes and ended sessions live as long as a resume token, revocations as long as a ticket. */
export async function prune(db: Db, at: number): Promise<void> {
  await db
    .deleteFrom('outcomes')
    .where('at', '<', at - OUTCOME_LIFE_MS)
    .execute();
  await db
    .deleteFrom('ended_sessions')
    .where('at', '<', at - RESUME_TOKEN_LIFE_MS)
    .execute();
  await db
    .deleteFrom('revocations')
    .where('at', '<', at - TICKET_LIFE_MS)
    .execute();
  await db
    .deleteFrom('removed')
    .where('at', '<', at - REMOVED_LIFE_MS)
    .execute();
  await db
    .deleteFrom('tickets')
    .where('at', '<', at - RESUME_TOKEN_LIFE_MS)
    .execute();
  await pruneRelayed(db, at);
}
