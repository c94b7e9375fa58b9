/**
 * A login or resume that is sent again, on whichever transport, gets the first one's result: its reply may have been lost, and a
 * recorded datagram played back must change nothing.
 */
import { createHash } from 'node:crypto';
import { type ErrorCode, ProtocolError } from '../../common/protocol/errors.js';
import { COOKIE_LIFE_MS } from '../../common/protocol/limits.js';
import type { Request } from '../../common/protocol/messages.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Entry } from '../entry.js';
import type { Session } from '../registry/session.js';

/** Longer than any cookie lives: a datagram that comes later is not opened any more. */
const REMEMBERED_MS = 2 * COOKIE_LIFE_MS + 60_000;
const MAX_ATTEMPTS = 100_000;

interface Attempt {
  readonly startedAt: number;
  /** A code instead of the keys when they are of no use: the attempt failed for good, or they were replaced. A few bytes each. */
  result: Promise<Entry> | ErrorCode;
}

export class Attempts {
  readonly #attempts = new Map<string, Attempt>();
  /** Which one has the keys of a session. */
  readonly #attemptBySession = new WeakMap<Session, Attempt>();

  constructor(private readonly clock: Clock) {}

  /** The result of the first call with this body; only that one runs `enter`. */
  once(request: Request<'login' | 'resume'>, enter: () => Promise<Entry>): Promise<Entry> {
    this.forgetOld();
    const key = keyOf(request);
    const known = this.#attempts.get(key);
    if (known !== undefined) return resultOf(known);
    const result = enter();
    const attempt: Attempt = { startedAt: this.clock.monotonic(), result };
    this.#attempts.set(key, attempt);
    result.then(
      ({ session }) => this.#keep(attempt, session),
      (error: unknown) => {
        if (isFinal(error)) attempt.result = error.code;
        else this.#attempts.delete(key);
      },
    );
    return result;
  }

  /** The session is gone: who asks again for its keys is told so, and a datagram played back opens it no second time. */
  forget(session: Session): void {
    const attempt = this.#attemptBySession.get(session);
    if (attempt !== undefined) attempt.result = 'session-ended';
    this.#attemptBySession.delete(session);
  }

  has(request: Request<'login' | 'resume'>): boolean {
    return this.#attempts.has(keyOf(request));
  }

  /** Only the newest keys of a session are good. */
  #keep(attempt: Attempt, session: Session): void {
    this.forget(session);
    this.#attemptBySession.set(session, attempt);
  }

  /** Also to be called now and then: after everybody has come back at once nobody may come for a long time. */
  forgetOld(): void {
    const before = this.clock.monotonic() - REMEMBERED_MS;
    for (const [key, attempt] of this.#attempts) {
      if (attempt.startedAt >= before && this.#attempts.size < MAX_ATTEMPTS) return;
      this.#attempts.delete(key);
      attempt.result = 'session-ended'; // its session may outlive it, and keeps it
    }
  }
}

/** Wrong stays wrong: a retry must not count as another guess. Everything else may end differently next time. */
function isFinal(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError && (error.code === 'login-failed' || error.code === 'bad-token');
}

function resultOf({ result }: Attempt): Promise<Entry> {
  return typeof result === 'string' ? Promise.reject(new ProtocolError(result)) : result;
}

/** A hash, so that no password stays in memory; without the id, which may differ between two transports. */
function keyOf({ id: _id, ...body }: Request<'login' | 'resume'>): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('base64url');
}
