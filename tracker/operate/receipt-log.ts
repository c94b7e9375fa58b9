/** Which receipts were noted lately, and how many one user may hand in: both ends of a download hand in the same one. */
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';
import { TokenBuckets } from '../policy/token-buckets.js';

/** Beyond so many the oldest are forgotten; one that comes once more then is a row more, and the same receipt. */
const MAX_KNOWN = 50_000;
/** Attacker: a user who hands in receipts without end; each costs three checks of signatures and 2 KB of the store. */
const OF_USER = { perSecond: 20, atOnce: 200 };
const MAX_USERS = 10_000;

export class ReceiptLog {
  readonly #known = new Map<string, Promise<void>>();
  readonly #buckets: TokenBuckets;

  constructor(clock: Clock) {
    this.#buckets = new TokenBuckets(clock, MAX_USERS);
  }

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
    const retryAfterMs = this.#buckets.take(user, OF_USER);
    if (retryAfterMs > 0) throw new ProtocolError('rate-limited', undefined, { retryAfterMs });
  }
}
