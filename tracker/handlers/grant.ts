/** What `login` and `resume` have in common: the serving slot, a new access key, and the reply. */
import { randomBytes } from 'node:crypto';
import { toBase64url } from '../../common/protocol/base64url.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Request } from '../../common/protocol/messages.js';
import type { Carrier } from '../carrier.js';
import type { Entry } from '../entry.js';
import { privateAddresses } from '../registry/addresses.js';
import type { Registry } from '../registry/registry.js';
import { type PresenceClaim, Session } from '../registry/session.js';
import type { Services } from '../services.js';

const ACCESS_KEY_BYTES = 32;

interface Admission {
  readonly request: Request<'login' | 'resume'>;
  readonly carrier: Carrier;
  /** As the account spells it. */
  readonly user: string;
  readonly device: string;
  readonly generation: number;
  readonly id: Buffer;
  readonly resumeKey: Buffer;
  /** One that is good for this session already; otherwise one is made. */
  readonly resumeToken?: string;
  readonly libraryRevision: number;
  /** From `claimSlot`. */
  readonly claimed: number;
}

/** Before the account is looked at for the last time. @throws {ProtocolError} `already-active` at another node, or here. */
export async function claimSlot(
  { registry, otherNodes }: Services,
  { isServing, user, id }: { readonly isServing: boolean; readonly user: string; readonly id: Buffer },
): Promise<number> {
  const name = toBase64url(id);
  if (!isServing) return registry.find(name)?.claimed ?? 0;
  registry.claimSlot(user, name);
  return otherNodes.claim(user, name);
}

/**
 * The answer of the store, asked again when sessions were ended before it came: on connections of their own a later question may be
 * answered earlier, and `RevocationWatch` does not look at the same user twice.
 */
export async function upToDate<T>(registry: Registry, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const { revokedCount } = registry;
    const answer = await ask();
    if (registry.revokedCount === revokedCount) return answer;
  }
}

/**
 * Hashes and slots may have been waited for, and nobody looks again at a session that begins after its user was disabled. Asked
 * directly before the session begins: of a later change `RevocationWatch` learns after it, and ends it.
 */
export async function isUnchanged(
  { store, registry, otherNodes }: Services,
  { user, generation }: { readonly user: string; readonly generation: number },
): Promise<boolean> {
  const now = await upToDate(registry, () => store.findAccount(user)).catch((error: unknown) => {
    otherNodes.free(user);
    throw error;
  });
  if (now?.state === 'active' && now.generation === generation) return true;
  otherNodes.free(user);
  return false;
}

/** Runs without a pause between judging the slot and taking it: of two at once, one wins. @throws {ProtocolError} `already-active`, `banned`. */
export function admit(services: Services, admission: Admission): Entry {
  const { registry, clock } = services;
  const { request, carrier, user, device, generation, id, libraryRevision } = admission;
  const name = toBase64url(id);
  refuseBanned(services, { user, carrier });
  if (request.serving) registry.claimSlot(user, name);
  const session = registry.find(name) ?? new Session({ id, user, device, generation, observed: carrier.from, clock });
  const accessKey = randomBytes(ACCESS_KEY_BYTES);
  takePlace(services, session, admission);
  session.generation = generation;
  session.rekey(accessKey);
  session.claimed = admission.claimed;
  registry.enter(session, claimOf(request));
  const isLive = request.libraryRevision === libraryRevision;
  if (isLive) registry.setLibraryLive(session);
  else registry.setLibraryNotLive(session);
  services.dialBack.check(session);
  return { session, grant: grantOf(services, { session, accessKey, admission }) };
}

/** Looked at before, too, but `PolicyWatch` may have ended the sessions there were since then. */
function refuseBanned({ policy, otherNodes }: Services, { user, carrier }: Pick<Admission, 'user' | 'carrier'>): void {
  try {
    policy.refuseBanned(user);
    if (policy.isBannedHost(carrier.from.host)) throw new ProtocolError('banned');
  } catch (error) {
    otherNodes.free(user);
    throw error;
  }
}

function takePlace({ dialBack }: Services, session: Session, { carrier, request }: Admission): void {
  const hasMoved =
    session.observed.host !== carrier.from.host ||
    session.filePort !== request.filePort ||
    session.advertise !== request.advertise;
  session.observed = carrier.from;
  session.udpAddress = undefined;
  if (hasMoved) dialBack.forget(session);
}

function claimOf({ serving, filePort, lan, advertise }: Request<'login' | 'resume'>): PresenceClaim {
  return { isServing: serving, filePort, lan: privateAddresses(lan ?? []), advertise };
}

function grantOf(
  services: Services,
  granted: { session: Session; accessKey: Buffer; admission: Admission },
): Entry['grant'] {
  const {
    session,
    accessKey,
    admission: { resumeKey, resumeToken, libraryRevision, request, carrier },
  } = granted;
  const { user, device, generation, name } = session;
  return {
    session: name,
    user,
    accessKey: toBase64url(accessKey),
    resumeToken: resumeToken ?? services.tokens.seal({ user, session: name, generation, resumeKey, device }),
    resumeKey: toBase64url(resumeKey),
    heartbeatMs: session.heartbeatMs,
    serverTime: Math.floor(services.clock.now()),
    nodes: [...services.nodes],
    epoch: services.registry.epoch,
    libraryRevision,
    live: request.libraryRevision === libraryRevision,
    observed: { host: carrier.from.host, port: carrier.from.port },
  };
}
