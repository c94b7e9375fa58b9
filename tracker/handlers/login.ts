import { randomBytes } from 'node:crypto';
import { fromBase64url } from '../../common/protocol/base64url.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Request } from '../../common/protocol/messages.js';
import { deviceProofParts, pinOfSpki, verifySignature } from '../../common/wire/identity.js';
import type { Lane } from '../auth/hash-queue.js';
import type { Carrier } from '../carrier.js';
import type { Entry } from '../entry.js';
import { sourceOf } from '../registry/addresses.js';
import type { Services } from '../services.js';
import type { Account } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import { admit, claimSlot, isUnchanged } from './grant.js';

const SESSION_BYTES = 16;
const KEY_BYTES = 91;
const PROOF_BYTES = 64;
const ATTEMPT_BYTES = 16;

/**
 * A password and a device make a session; the same attempt makes the same one. See docs/protocol.md "login".
 * Unknown, disabled and wrong take the same way, with one hash each: a stranger learns nothing from text, size or time.
 */
export function login(services: Services, request: Request<'login'>, carrier: Carrier): Promise<Entry> {
  return services.attempts.once(request, () => logInNoted(services, request, carrier));
}

async function logInNoted(services: Services, request: Request<'login'>, carrier: Carrier): Promise<Entry> {
  const address = carrier.from.host;
  try {
    const entry = await logInOnce(services, request, carrier);
    const { user, device } = entry.session;
    services.audit.note('login', { user, device, address, detail: carrier.kind });
    return entry;
  } catch (error) {
    const detail = error instanceof ProtocolError ? error.code : 'internal';
    if (detail !== 'busy') services.audit.note('login-failed', { user: request.user, address, detail });
    throw error;
  }
}

async function logInOnce(services: Services, request: Request<'login'>, carrier: Carrier): Promise<Entry> {
  const { store, clock } = services;
  const key = fromBase64url(request.device.key, KEY_BYTES);
  const device = pinOfSpki(key);
  const facts = await store.loginFacts(request.user, device);
  const stranger = { source: sourceOf(carrier.from.host) };
  // Attacker: who sends logins faster than they can be hashed; a signature costs more than all else that is done for one.
  if (!facts.isKnownDevice) services.hasher.refuseWhenFull(stranger);
  const isDevice = verifySignature(
    key,
    fromBase64url(request.device.proof, PROOF_BYTES),
    ...deviceProofParts(services.identity.pin, fromBase64url(request.attempt, ATTEMPT_BYTES)),
  );
  const user = request.user.toLowerCase();
  const isKnown = isDevice && facts.isKnownDevice;
  const account = await checkPassword(services, {
    request,
    account: facts.account,
    isDevice,
    bucket: isKnown ? `${user}/${device}` : user,
    lane: isKnown ? { knownUser: user } : stranger,
  });
  services.policy.refuseBanned(account.user);
  await remember(services, { user: account.user, device, at: Math.floor(clock.now()) });
  const id = randomBytes(SESSION_BYTES);
  const claimed = await claimSlot(services, { isServing: request.serving, user: account.user, id });
  if (!(await isUnchanged(services, account))) throw new ProtocolError('login-failed');
  return admit(services, {
    request,
    carrier,
    user: account.user,
    device,
    generation: account.generation,
    id,
    claimed,
    resumeKey: services.tokens.newKey(),
    libraryRevision: facts.libraryRevision,
  });
}

interface Guess {
  readonly request: Request<'login'>;
  readonly account: Account | undefined;
  readonly isDevice: boolean;
  /** Whose tries this one counts among. */
  readonly bucket: string;
  /** Whose turn it takes. */
  readonly lane: Lane;
}

async function checkPassword(
  { guesses, hasher, dummyHash }: Services,
  { request, account, isDevice, bucket, lane }: Guess,
): Promise<Account> {
  const settle = guesses.take(bucket);
  let isRight = false;
  try {
    const matches = await hasher.verify(request.password, account?.passwordHash ?? dummyHash, lane);
    isRight = matches && isDevice && account?.state === 'active';
  } catch (error) {
    settle(true); // nothing was tried
    throw error;
  }
  settle(isRight);
  if (!isRight || account === undefined) throw new ProtocolError('login-failed');
  return account;
}

/** Without room on the disk people can still log in; their device then counts as new the next time. */
async function remember({ store, log }: Services, device: { user: string; device: string; at: number }): Promise<void> {
  try {
    await store.recordLogin(device);
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'storage')) throw error;
    log.write('warn', 'a login could not be stored', { error });
  }
}
