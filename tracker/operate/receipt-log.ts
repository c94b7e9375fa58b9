/** Which receipts were noted lately, and how many one user may hand in: both ends of a download hand in the same one. */
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';

/** Beyond so many the oldest are forgotten; one that comes once more then is a row more, and the same receipt. */
const MAX_KNOWN = 50_000;
/** Attacker: a user who hands in receipts without end; each costs three checks of signatures and 2 KB of the store. */
const PER_SECOND = 20;
const AT_ONCE = 200;
/** Beyond so many users the longest silent are forgotten. */
const MAX_USERS = 10_000;

interface Bucket {
  tokens: number;
  at: number;
}

export class ReceiptLog {
  readonly #known = new Map<string, Promise<void>>();
  readonly #buckets = new Map<string, Bucket>();

  constructor(private readonly clock: Clock) {}

  /** Runs `note` once for this key. Who hands it in meanwhile waits for the same end; what could not be noted may come again. */
  async once(key: string, note: () => Promise<void>): Promise<void> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const noting = note();
    this.#known.set(key, noting);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    try {
      await noting;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    }
  }

  /** @throws {ProtocolError} `rate-limited`, with the time after which another is taken. */
  charge(user: string): void {
    const now = this.clock.monotonic();
    const bucket = this.#buckets.get(user) ?? { tokens: AT_ONCE, at: now };
    bucket.tokens = Math.min(AT_ONCE, bucket.tokens + ((now - bucket.at) / 1_000) * PER_SECOND);
    bucket.at = now;
    this.#buckets.delete(user);
    this.#buckets.set(user, bucket);
    const [silent] = this.#buckets.keys();
    if (this.#buckets.size > MAX_USERS && silent !== undefined) this.#buckets.delete(silent);
    if (bucket.tokens < 1)
      throw new ProtocolError('rate-limited', undefined, {
        retryAfterMs: Math.ceil(((1 - bucket.tokens) / PER_SECOND) * 1_000),
      });
    bucket.tokens -= 1;
  }
}
