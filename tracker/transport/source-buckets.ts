/**
 * How much unproven traffic one source may send. Attacker: a flood from one address; it may cost the tracker this much and no more,
 * and it says nothing about sessions, whose datagrams are told by their seal.
 */
import type { Clock } from '../../common/runtime/clock.js';
import { sourceOf } from '../registry/addresses.js';

export const SOURCE_PER_SECOND = 50;
export const SOURCE_BURST = 200;
/** Beyond so many sources the longest silent are forgotten. */
const MAX_SOURCES = 65_536;

interface Bucket {
  tokens: number;
  at: number;
}

export class SourceBuckets {
  readonly #buckets = new Map<string, Bucket>();

  constructor(private readonly clock: Clock) {}

  /** Takes one token of the source; false when it has none. */
  take(host: string): boolean {
    const key = sourceOf(host);
    const bucket = this.#filled(key);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    this.#bound();
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Whether `take` would succeed. */
  has(host: string): boolean {
    return this.#filled(sourceOf(host)).tokens >= 1;
  }

  #filled(key: string): Bucket {
    const now = this.clock.monotonic();
    const bucket = this.#buckets.get(key) ?? { tokens: SOURCE_BURST, at: now };
    bucket.tokens = Math.min(SOURCE_BURST, bucket.tokens + ((now - bucket.at) / 1_000) * SOURCE_PER_SECOND);
    bucket.at = now;
    return bucket;
  }

  #bound(): void {
    if (this.#buckets.size <= MAX_SOURCES) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
