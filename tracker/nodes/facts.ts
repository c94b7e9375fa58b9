/** What a node tells others of a session that is active there, and of what it holds. */
import { fromBase64url } from '../../common/protocol/base64url.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Outbox } from '../registry/event-outbox.js';
import { type Hold, type Reach, Session } from '../registry/session.js';

const SESSION_BYTES = 16;

interface SessionFacts {
  readonly user: string;
  readonly device: string;
  readonly generation: number;
  readonly claimed: number;
  readonly observed: Session['observed'];
  readonly filePort?: number;
  readonly lan: readonly string[];
  readonly advertise?: string;
  readonly reach: Reach;
  readonly isLibraryLive: boolean;
  readonly depotCapacity?: number;
  readonly activeSince: number;
}

/** Of one publication: in this session published, or held, or both. */
export interface HoldFacts {
  readonly isPublished: boolean;
  readonly hold?: Hold;
}

export function factsOf(session: Session): string {
  const { user, device, generation, claimed, observed, filePort, lan, advertise, reach } = session;
  const { isLibraryLive, depotCapacity, activeSince } = session;
  return JSON.stringify({
    ...{ user, device, generation, claimed, observed, filePort, lan, advertise, reach },
    ...{ isLibraryLive, depotCapacity, activeSince },
  });
}

/** Null: it has none of it. */
export function holdFactsOf(session: Session, publicationId: string): string | null {
  const isPublished = session.published.has(publicationId);
  const hold = session.holds.get(publicationId);
  return isPublished || hold !== undefined ? JSON.stringify({ isPublished, hold }) : null;
}

export function parseHoldFacts(fact: string): HoldFacts {
  return JSON.parse(fact) as HoldFacts;
}

export interface Elsewhere {
  readonly node: string;
  readonly clock: Clock;
  readonly outbox: Outbox;
}

/** A session at another node, as that node tells it. */
export function sessionElsewhere(name: string, text: string, { node, clock, outbox }: Elsewhere): Session {
  const facts = JSON.parse(text) as SessionFacts;
  const { user, device, generation, observed } = facts;
  const id = fromBase64url(name, SESSION_BYTES);
  const session = new Session({ id, user, device, generation, observed, clock, remote: { node, outbox } });
  takeUp(session, facts);
  session.isLibraryLive = facts.isLibraryLive;
  session.depotCapacity = facts.depotCapacity;
  return session;
}

/** Changes what was told before. Undefined: it was entered anew, and is another one. */
export function changedElsewhere(session: Session, text: string): SessionFacts | undefined {
  const facts = JSON.parse(text) as SessionFacts;
  if (facts.claimed !== session.claimed || facts.device !== session.device) return undefined;
  takeUp(session, facts);
  return facts;
}

function takeUp(
  session: Session,
  { observed, filePort, lan, advertise, reach, activeSince, claimed }: SessionFacts,
): void {
  session.observed = observed;
  session.claim({ isServing: true, filePort, lan, advertise });
  Object.assign(session.reach, { isProven: reach.isProven, advertised: reach.advertised });
  session.activeSince = activeSince;
  session.claimed = claimed;
}
