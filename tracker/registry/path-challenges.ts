import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { fromBase64url, toBase64url } from '../../common/protocol/base64url.js';
import { COOKIE_LIFE_MS } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Address } from '../carrier.js';

const CHALLENGE_BYTES = 16;

/**
 * What a peer must bring back from a new address before anything else is sent there. Attacker: who captures a datagram and sends it
 * on with a victim's address. Nothing is kept for a challenge: it is a MAC of session, address and time.
 */
export class PathChallenges {
  readonly #key = randomBytes(32);

  constructor(private readonly clock: Clock) {}

  make(session: string, from: Address): string {
    return toBase64url(this.#mac(session, from, this.#period()));
  }

  /** Good for one to two periods. */
  check(session: string, from: Address, challenge: string): boolean {
    const given = fromBase64url(challenge, CHALLENGE_BYTES);
    const period = this.#period();
    return [period, period - 1].some((candidate) => timingSafeEqual(given, this.#mac(session, from, candidate)));
  }

  #period(): number {
    return Math.floor(this.clock.monotonic() / COOKIE_LIFE_MS);
  }

  #mac(session: string, { host, port }: Address, period: number): Buffer {
    return createHmac('sha256', this.#key)
      .update(`${session} ${host} ${port} ${period}`)
      .digest()
      .subarray(0, CHALLENGE_BYTES);
  }
}
