/**
 * How much is relayed for whom: connections at once and bytes a day, counted for who asked for the meeting. Counted in memory and noted
 * in the store now and then: kill -9 forgives what came since, other nodes hear of it then. Attacker: a user who sends everything
 * through the tracker; he gets his share of a day.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import { MAX_RELAYS, MAX_RELAYS_PER_USER } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Log } from '../../common/runtime/log.js';
import { RepeatingTask } from '../../common/runtime/repeating-task.js';
import type { Policy } from '../policy/policy.js';
import type { RelayedStore } from '../store/relayed-table.js';

const DAY_MS = 86_400_000;
const BUSY_RETRY_MS = 5_000;
/** Who relays no more costs nothing for longer than a day; beyond so many users the first of the day are forgotten. */
const MAX_USERS = 100_000;
const NOTE_INTERVAL_MS = 10_000;

/** One relayed connection's share. */
export interface RelayAccount extends Disposable {
  /** False when the day's share is used up: the connection has to end. */
  spend(bytes: number): boolean;
}

export interface RelayAccountsOptions {
  readonly store: RelayedStore;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly log: Log;
}

/** Bytes of today. */
interface Used {
  /** As the store has them, those of other nodes among them. */
  noted: number;
  /** Passed on here since. */
  unnoted: number;
}

export class RelayAccounts implements Part {
  readonly #options: RelayAccountsOptions;
  readonly #openByUser = new Map<string, number>();
  readonly #usedByUser = new Map<string, Used>();
  readonly #task: RepeatingTask;
  #day = 0;
  #open = 0;
  #totalBytes = 0;

  constructor(options: RelayAccountsOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.#task = new RepeatingTask(() => this.#note(), {
      intervalMs: NOTE_INTERVAL_MS,
      clock,
      onError: (error) => log.write('warn', 'what was relayed for whom is noted later', { error }),
    });
  }

  /** Resolves when it is known what was used today. */
  async start(): Promise<void> {
    const { store } = this.#options;
    for (const { user, bytes } of await store.relayed(this.#today())) this.#usedBy(user).noted = bytes;
    this.#task.start();
  }

  async stop(): Promise<void> {
    await this.#task.stop();
    const { log } = this.#options;
    await this.#note().catch((error: unknown) => log.write('warn', 'what was relayed last is not counted', { error }));
  }

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
    const limit = this.#options.policy.limitOf(user, 'relayBytes');
    if (limit === 0) throw new ProtocolError('no-relay');
    const now = this.#today();
    const used = this.#usedByUser.get(keyOf(user));
    if (used !== undefined && totalOf(used) >= limit)
      throw new ProtocolError('relay-quota', undefined, { retryAfterMs: Math.ceil(DAY_MS - (now % DAY_MS)) });
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
    this.#today();
    const used = this.#usedBy(user);
    used.unnoted += bytes;
    this.#totalBytes += bytes;
    return totalOf(used) <= this.#options.policy.limitOf(user, 'relayBytes');
  }

  /** The time; with a new day everybody begins anew. */
  #today(): number {
    const now = this.#options.clock.now();
    const day = Math.floor(now / DAY_MS);
    if (day !== this.#day) this.#usedByUser.clear();
    this.#day = day;
    return now;
  }

  #usedBy(user: string): Used {
    const key = keyOf(user);
    const used = this.#usedByUser.get(key) ?? { noted: 0, unnoted: 0 };
    this.#usedByUser.set(key, used);
    const [first] = this.#usedByUser.keys();
    if (this.#usedByUser.size > MAX_USERS && first !== undefined) this.#usedByUser.delete(first);
    return used;
  }

  /** @throws {StoreError}; nothing is lost, and it is tried again. */
  async #note(): Promise<void> {
    const at = this.#today();
    const changed = [...this.#usedByUser].filter(([, { unnoted }]) => unnoted > 0);
    if (changed.length === 0) return;
    const added = changed.map(([user, { unnoted }]) => ({ user, bytes: unnoted }));
    const totals = await this.#options.store.addRelayed(added, Math.floor(at));
    for (const [index, [, used]] of changed.entries()) {
      used.noted = totals[index] ?? used.noted;
      used.unnoted -= added[index]?.bytes ?? 0;
    }
  }

  #count(key: string, change: 1 | -1): void {
    this.#open += change;
    const open = (this.#openByUser.get(key) ?? 0) + change;
    if (open === 0) this.#openByUser.delete(key);
    else this.#openByUser.set(key, open);
  }
}

function totalOf({ noted, unnoted }: Used): number {
  return noted + unnoted;
}

function keyOf(user: string): string {
  return user.toLowerCase();
}
