/**
 * How much one user may ask for in a second. Attacker: an account that publishes or asks without end; it gets its own share, and nobody
 * else less.
 */
import type { LimitName } from '../../common/protocol/admin-messages.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Policy } from './policy.js';
import { TokenBuckets } from './token-buckets.js';

type RateName = Extract<LimitName, 'publishRate' | 'requestRate'>;

/** What may come at once: a whole library may be published in one go. */
const BURST_SECONDS: Readonly<Record<RateName, number>> = { publishRate: 100, requestRate: 5 };
const MAX_USERS = 100_000;

export class Rates {
  readonly #buckets: TokenBuckets;
  /** Requests that were refused, by limit. */
  readonly refused: Record<RateName, number> = { publishRate: 0, requestRate: 0 };

  constructor(
    private readonly policy: Policy,
    clock: Clock,
  ) {
    this.#buckets = new TokenBuckets(clock, MAX_USERS);
  }

  /** Takes `cost` of the user's share. @throws {ProtocolError} `rate-limited`, with the time after which it is there. */
  take(user: string, name: RateName, cost: number): void {
    const perSecond = this.policy.limitOf(user, name);
    if (perSecond === 0) return;
    const size = { perSecond, atOnce: perSecond * BURST_SECONDS[name] };
    const retryAfterMs = this.#buckets.take(`${name} ${user}`, size, cost);
    if (retryAfterMs === 0) return;
    this.refused[name] += 1;
    throw new ProtocolError('rate-limited', undefined, { retryAfterMs });
  }
}
