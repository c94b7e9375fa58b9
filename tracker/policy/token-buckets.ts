/**
 * A token bucket for each key (a user, a source): what it may ask for at once, and how fast it gets that back. Attacker: somebody who asks
 * without end; it costs the tracker this much and no more, and nobody else gets less.
 */
import type { Clock } from '../../common/runtime/clock.js';

export interface BucketSize {
  /** Tokens that come back. */
  readonly perSecond: number;
  /** Tokens of a full bucket; a key that was never seen has one. */
  readonly atOnce: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

export class TokenBuckets {
  /** Those used longest ago come first. */
  readonly #buckets = new Map<string, Bucket>();

  /** Beyond `maxKeys` the one used longest ago is forgotten. */
  constructor(
    private readonly clock: Clock,
    private readonly maxKeys: number,
  ) {}

  /**
   * Takes `cost` tokens where there is one, also when that leaves fewer than none: one large request is not refused for ever.
   * Returns 0, or after how many ms there is one.
   */
  take(key: string, size: BucketSize, cost = 1): number {
    const bucket = this.#filled(key, size);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > this.maxKeys && oldest !== undefined) this.#buckets.delete(oldest);
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) / size.perSecond) * 1_000);
    bucket.tokens -= cost;
    return 0;
  }

  /** Whether `take` would return 0. */
  has(key: string, size: BucketSize): boolean {
    return this.#filled(key, size).tokens >= 1;
  }

  #filled(key: string, { perSecond, atOnce }: BucketSize): Bucket {
    const now = this.clock.monotonic();
    const bucket = this.#buckets.get(key) ?? { tokens: atOnce, at: now };
    bucket.tokens = Math.min(atOnce, bucket.tokens + ((now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
    return bucket;
  }
}
