/**
 * A login or resume that is sent again, on whichever transport, gets the first one's result: its reply may have been lost, and a
 * recorded datagram played back must change nothing.
 */
import { createHash } from 'node:crypto';
import { ProtocolError } from '../../common/protocol/errors.js';
import { COOKIE_LIFE_MS } from '../../common/protocol/limits.js';
import type { Request } from '../../common/protocol/messages.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Entry } from '../entry.js';

/** Longer than any cookie lives: a datagram that comes later is not opened any more. */
const REMEMBERED_MS = 2 * COOKIE_LIFE_MS + 60_000;
const MAX_ATTEMPTS = 100_000;

interface Attempt {
  readonly startedAt: number;
  readonly result: Promise<Entry>;
}

export class Attempts {
  readonly #attempts = new Map<string, Attempt>();

  constructor(private readonly clock: Clock) {}

  /** The result of the first call with this body; only that one runs `enter`. */
  once(request: Request<'login' | 'resume'>, enter: () => Promise<Entry>): Promise<Entry> {
    this.#forgetOld();
    const key = keyOf(request);
    const known = this.#attempts.get(key);
    if (known !== undefined) return known.result;
    const result = enter();
    this.#attempts.set(key, { startedAt: this.clock.monotonic(), result });
    result.catch((error: unknown) => {
      if (!isFinal(error)) this.#attempts.delete(key);
    });
    return result;
  }

  has(request: Request<'login' | 'resume'>): boolean {
    return this.#attempts.has(keyOf(request));
  }

  #forgetOld(): void {
    const before = this.clock.monotonic() - REMEMBERED_MS;
    for (const [key, { startedAt }] of this.#attempts) {
      if (startedAt >= before && this.#attempts.size < MAX_ATTEMPTS) return;
      this.#attempts.delete(key);
    }
  }
}

/** Wrong stays wrong: a retry must not count as another guess. Everything else may end differently next time. */
function isFinal(error: unknown): boolean {
  return error instanceof ProtocolError && (error.code === 'login-failed' || error.code === 'bad-token');
}

/** A hash, so that no password stays in memory; without the id, which may differ between two transports. */
function keyOf({ id: _id, ...body }: Request<'login' | 'resume'>): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('base64url');
}
