/**
 * How much one user may ask for in a second. Attacker: an account that publishes or asks without end; it gets its own share, and nobody
 * else less.
 */
import type { LimitName } from '../../common/protocol/admin-messages.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Policy } from './policy.js';

type RateName = Extract<LimitName, 'publishRate' | 'requestRate'>;

/** What may come at once: a whole library may be published in one go. */
const BURST_SECONDS: Readonly<Record<RateName, number>> = { publishRate: 100, requestRate: 5 };
/** Beyond so many users the longest silent are forgotten. */
const MAX_USERS = 100_000;

interface Bucket {
  tokens: number;
  at: number;
}

export class Rates {
  readonly #buckets = new Map<string, Bucket>();
  /** Requests that were refused, by limit. */
  readonly refused: Record<RateName, number> = { publishRate: 0, requestRate: 0 };

  constructor(
    private readonly policy: Policy,
    private readonly clock: Clock,
  ) {}

  /** Takes `cost` of the user's share. @throws {ProtocolError} `rate-limited`, with the time after which it is there. */
  take(user: string, name: RateName, cost: number): void {
    const perSecond = this.policy.limitOf(user, name);
    if (perSecond === 0) return;
    const bucket = this.#filled(`${name} ${user}`, perSecond, perSecond * BURST_SECONDS[name]);
    if (bucket.tokens > 0) {
      bucket.tokens -= cost; // may go below: one large request is not refused for ever
      return;
    }
    this.refused[name] += 1;
    throw new ProtocolError('rate-limited', undefined, {
      retryAfterMs: Math.ceil(((1 - bucket.tokens) / perSecond) * 1_000),
    });
  }

  #filled(key: string, perSecond: number, most: number): Bucket {
    const now = this.clock.monotonic();
    const bucket = this.#buckets.get(key) ?? { tokens: most, at: now };
    bucket.tokens = Math.min(most, bucket.tokens + ((now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_USERS && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}
