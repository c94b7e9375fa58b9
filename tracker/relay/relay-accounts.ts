/**
 * How much is relayed for whom: connections at once and bytes a day, counted for who asked for the meeting. In memory: a restart of the
 * tracker forgives what was used that day. Attacker: a user who sends everything through the tracker; he gets his share of a day.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import { MAX_RELAYS, MAX_RELAYS_PER_USER } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Policy } from '../policy/policy.js';

const DAY_MS = 86_400_000;
const BUSY_RETRY_MS = 5_000;
/** Who relays no more costs nothing for longer than a day; beyond so many users the first of the day are forgotten. */
const MAX_USERS = 100_000;

/** One relayed connection's share. */
export interface RelayAccount extends Disposable {
  /** False when the day's share is used up: the connection has to end. */
  spend(bytes: number): boolean;
}

export class RelayAccounts {
  readonly #openByUser = new Map<string, number>();
  readonly #usedByUser = new Map<string, number>();
  #day = 0;
  #open = 0;
  #totalBytes = 0;

  constructor(
    private readonly policy: Policy,
    private readonly clock: Clock,
  ) {}

  /** Connections now. */
  get open(): number {
    return this.#open;
  }

  /** Since the start of the tracker. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** @throws {ProtocolError} `no-relay`, `relay-quota`, `busy`: nothing is relayed for `user` now. */
  refuse(user: string): void {
    const limit = this.policy.limitOf(user, 'relayBytes');
    if (limit === 0) throw new ProtocolError('no-relay');
    if (this.#used(user) >= limit)
      throw new ProtocolError('relay-quota', undefined, { retryAfterMs: this.#restOfDay() });
    if (this.#open >= MAX_RELAYS || (this.#openByUser.get(keyOf(user)) ?? 0) >= MAX_RELAYS_PER_USER)
      throw new ProtocolError('busy', undefined, { retryAfterMs: BUSY_RETRY_MS });
  }

  /** One more connection for `user`; dispose it when it ends. @throws {ProtocolError} as `refuse`. */
  begin(user: string): RelayAccount {
    this.refuse(user);
    const key = keyOf(user);
    this.#count(key, 1);
    let isOpen = true;
    return {
      spend: (bytes) => this.#spend(user, bytes),
      [Symbol.dispose]: () => {
        if (isOpen) this.#count(key, -1);
        isOpen = false;
      },
    };
  }

  #spend(user: string, bytes: number): boolean {
    const used = this.#used(user) + bytes;
    const key = keyOf(user);
    this.#usedByUser.set(key, used);
    this.#totalBytes += bytes;
    const [first] = this.#usedByUser.keys();
    if (this.#usedByUser.size > MAX_USERS && first !== undefined) this.#usedByUser.delete(first);
    return used <= this.policy.limitOf(user, 'relayBytes');
  }

  #used(user: string): number {
    const day = Math.floor(this.clock.now() / DAY_MS);
    if (day !== this.#day) this.#usedByUser.clear();
    this.#day = day;
    return this.#usedByUser.get(keyOf(user)) ?? 0;
  }

  #restOfDay(): number {
    return Math.ceil((this.#day + 1) * DAY_MS - this.clock.now());
  }

  #count(key: string, change: 1 | -1): void {
    this.#open += change;
    const open = (this.#openByUser.get(key) ?? 0) + change;
    if (open === 0) this.#openByUser.delete(key);
    else this.#openByUser.set(key, open);
  }
}

function keyOf(user: string): string {
  return user.toLowerCase();
}
