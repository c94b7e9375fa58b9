/**
 * How much unproven traffic one source may send. Attacker: a flood from one address; it says nothing about sessions, whose datagrams are
 * told by their seal.
 */
import type { Clock } from '../../common/runtime/clock.js';
import { TokenBuckets } from '../policy/token-buckets.js';
import { sourceOf } from '../registry/addresses.js';

const SIZE = { perSecond: 50, atOnce: 200 };
const MAX_SOURCES = 65_536;

export class SourceBuckets {
  readonly #buckets: TokenBuckets;

  constructor(clock: Clock) {
    this.#buckets = new TokenBuckets(clock, MAX_SOURCES);
  }

  /** Takes one token of the source; false when it has none. */
  take(host: string): boolean {
    return this.#buckets.take(sourceOf(host), SIZE) === 0;
  }

  /** Whether `take` would succeed. */
  has(host: string): boolean {
    return this.#buckets.has(sourceOf(host), SIZE);
  }
}
