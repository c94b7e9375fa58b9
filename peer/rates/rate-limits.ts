/** Limits of both directions as people set them. Plain data; bytes a second. */

/** `up` and `down`: of everything together; `peer…`: of each other peer; `transfer…`: of each transfer. Absent: none. */
export interface RateLimits {
  readonly up?: number;
  readonly down?: number;
  readonly peerUp?: number;
  readonly peerDown?: number;
  readonly transferUp?: number;
  readonly transferDown?: number;
}

export const RATE_NAMES = ['up', 'down', 'peerUp', 'peerDown', 'transferUp', 'transferDown'] as const;

/** In a change or a rule 0 means "no limit"; what is absent stays as it is. */
export interface LimitInput extends RateLimits {
  /** A download by id, name or `@OWNER/NAME`: `down` is for it alone. */
  readonly transfer?: string;
  /** The rates count only then: `mon-fri 08:00-18:00`. */
  readonly at?: string;
  /** Forget the rule for `at`. */
  readonly remove?: boolean;
}

/** Other rates at certain hours. */
export interface LimitRule {
  /** `mon-fri 08:00-18:00`, local time. */
  readonly at: string;
  readonly rates: RateLimits;
}

export interface LimitsView {
  /** In force now. */
  readonly now: RateLimits;
  /** In force where no rule says otherwise. */
  readonly always: RateLimits;
  /** Of rules that count at the same time the later one holds. */
  readonly schedule: readonly (LimitRule & { readonly isNow: boolean })[];
  /** The download that was limited just now; absent when none was. */
  readonly download?: { readonly name: string; readonly limitBytesPerSecond?: number };
}

/** `base` with what `change` says in its place; 0 takes a limit away. */
export function changedLimits(base: RateLimits, change: RateLimits): RateLimits {
  const after: { -readonly [K in keyof RateLimits]: RateLimits[K] } = {};
  for (const name of RATE_NAMES) {
    const rate = change[name] ?? base[name];
    if (rate !== undefined && rate > 0) after[name] = rate;
  }
  return after;
}

/** Only the rates of something that has more. */
export function ratesIn(from: RateLimits): RateLimits {
  return Object.fromEntries(RATE_NAMES.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
}
