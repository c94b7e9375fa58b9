/**
 * How often a password may be tried. Attacker: somebody who guesses online; he gets at most `MAX_TRIES_PER_HOUR` a user, from all
 * places together, and waits longer after each wrong one. Nobody is locked out for good: a device that has logged in before has a
 * bucket of its own, and every wait ends.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';

export const MAX_TRIES_PER_HOUR = 60;
const HOUR_MS = 3_600_000;
/** A person mistypes a few times; then waits double, from one second to one minute. */
const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** Beyond this many names the oldest are forgotten: made-up names must not fill the memory. */
const MAX_BUCKETS = 100_000;

interface Bucket {
  /** When tries began, monotonic ms, oldest first; wrong and unfinished ones only. */
  readonly tries: number[];
  failures: number;
  nextAt: number;
}

export class GuessLimits {
  readonly #buckets = new Map<string, Bucket>();

  constructor(private readonly clock: Clock) {}

  /** Takes one try of `key`; call the result with whether the password was right. @throws {ProtocolError} `rate-limited`. */
  take(key: string): (isRight: boolean) => void {
    const now = this.clock.monotonic();
    const bucket = this.#bucket(key, now);
    const waitMs = Math.max(
      bucket.nextAt - now,
      bucket.tries.length < MAX_TRIES_PER_HOUR ? 0 : (bucket.tries[0] ?? now) + HOUR_MS - now,
    );
    if (waitMs > 0) throw new ProtocolError('rate-limited', undefined, { retryAfterMs: Math.ceil(waitMs) });
    bucket.tries.push(now);
    return (isRight) => {
      if (isRight) bucket.tries.splice(bucket.tries.lastIndexOf(now), 1);
      else this.#fail(bucket);
    };
  }

  #fail(bucket: Bucket): void {
    bucket.failures += 1;
    const beyond = bucket.failures - FREE_FAILURES;
    if (beyond >= 0)
      bucket.nextAt = this.clock.monotonic() + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(beyond, 20));
  }

  #bucket(key: string, now: number): Bucket {
    const bucket = this.#buckets.get(key) ?? { tries: [], failures: 0, nextAt: 0 };
    while (bucket.tries.length > 0 && (bucket.tries[0] ?? now) <= now - HOUR_MS) bucket.tries.shift();
    if (bucket.tries.length === 0) bucket.failures = 0;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket); // at the end: the first one is the longest untouched
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_BUCKETS && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}
