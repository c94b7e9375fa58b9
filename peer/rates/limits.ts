/**
 * How fast this peer may send and receive: what its settings say, what was changed since by `limit`, and other rates at certain hours. It
 * keeps them (`limits.json`) and says what is in force whenever that changes; `rate-shares.ts` makes the bytes obey.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Clock, systemClock, type Timer } from '../../common/runtime/clock.js';
import { writeFileDurably } from '../../common/runtime/files.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { PeerError } from '../peer-error.js';
import { changedLimits, type LimitRule, type LimitsView, RATE_NAMES, type RateLimits, ratesIn } from './rate-limits.js';
import { LEAST_SHARE_BYTES_PER_SECOND } from './rate-shares.js';
import { parseWeekTime } from './week-time.js';

const VERSION = 1;
const MAX_RULES = 32;
/** Hours have minutes, so it is looked at so often whether another rule counts, ms; it also finds a wall clock that was set. */
const LOOK_EVERY_MS = 10_000;

export interface LimitsOptions {
  /** What the settings say. */
  readonly base: RateLimits;
  readonly stateDir: string;
  /** What is in force, from the start and at each change. */
  readonly onChange: (now: RateLimits) => void;
  readonly clock?: Clock | undefined;
}

interface Saved {
  /** Since the settings were made; 0: no limit. */
  readonly changes: RateLimits;
  readonly schedule: readonly LimitRule[];
}

/** One change: the rates, at which hours; `remove` forgets those hours. */
export interface LimitChange {
  readonly rates: RateLimits;
  readonly at?: string | undefined;
  readonly remove?: boolean | undefined;
}

export class Limits implements Part {
  readonly #options: LimitsOptions;
  readonly #clock: Clock;
  readonly #path: string;
  #saved: Saved;
  #now = '';
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: LimitsOptions, path: string, saved: Saved) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#path = path;
    this.#saved = saved;
    this.#apply();
  }

  /** A file that cannot be understood counts as empty: the settings hold then. */
  static async open(options: LimitsOptions): Promise<Limits> {
    const path = join(options.stateDir, 'limits.json');
    return new Limits(options, path, parse(await readOrNothing(path)));
  }

  view(): LimitsView {
    const at = this.#clock.now();
    const schedule = this.#saved.schedule.map((rule) => ({ ...rule, isNow: isNow(rule, at) }));
    return { now: this.#inForce, always: changedLimits(this.#options.base, this.#saved.changes), schedule };
  }

  /** Counts at once; resolves when it is durable. @throws {PeerError} `usage`, `too-many`, `unwritable`. */
  async change({ rates, at, remove = false }: LimitChange): Promise<void> {
    for (const name of RATE_NAMES) refuseTooSmall(rates[name]);
    const { changes, schedule } = this.#saved;
    if (at === undefined) this.#saved = { changes: { ...changes, ...ratesIn(rates) }, schedule };
    else this.#saved = { changes, schedule: changedSchedule(schedule, { rates: ratesIn(rates), at, remove }) };
    this.#apply();
    await this.#write();
  }

  stop(): Promise<void> {
    this.#timer?.cancel();
    return this.#writing;
  }

  get #inForce(): RateLimits {
    const at = this.#clock.now();
    let limits = changedLimits(this.#options.base, this.#saved.changes);
    for (const rule of this.#saved.schedule) if (isNow(rule, at)) limits = changedLimits(limits, rule.rates);
    return limits;
  }

  #apply(): void {
    const limits = this.#inForce;
    const text = JSON.stringify(limits);
    if (text !== this.#now) this.#options.onChange(limits);
    this.#now = text;
    this.#timer?.cancel();
    if (this.#saved.schedule.length === 0) return;
    this.#timer = this.#clock.setTimer(() => this.#apply(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** One after the other; each writes what is true then. */
  async #write(): Promise<void> {
    const write = (): Promise<void> =>
      writeFileDurably(this.#path, `${JSON.stringify({ v: VERSION, ...this.#saved }, undefined, 2)}\n`);
    const mine = this.#writing.then(write);
    this.#writing = mine.catch(() => undefined); // Whoever asked for it hears of it.
    try {
      await mine;
    } catch (cause) {
      const message = `The limits hold until this peer ends, but could not be saved in ${this.#path}: ${String(cause)}`;
      throw new PeerError({ code: 'unwritable', message }, { cause });
    }
  }
}

function isNow({ at }: LimitRule, now: number): boolean {
  return parseWeekTime(at)?.includes(now) === true;
}

function changedSchedule(
  schedule: readonly LimitRule[],
  { rates, at, remove }: LimitChange & { readonly at: string },
): readonly LimitRule[] {
  const text = parseWeekTime(at)?.text;
  if (text === undefined)
    throw usage(`${JSON.stringify(at)} are no hours: write "mon-fri 08:00-18:00", "sat,sun" or "22:00-06:00".`);
  const known = schedule.find((rule) => rule.at === text);
  const others = schedule.filter((rule) => rule !== known);
  if (remove && known === undefined) throw usage(`There is no rule for ${text}. "limit" lists them.`);
  if (remove) return others;
  if (Object.keys(rates).length === 0) throw usage('Say which rates hold then, such as --down 1M.');
  if (others.length >= MAX_RULES)
    throw new PeerError({ code: 'too-many', message: `There are ${MAX_RULES} rules already. Remove one first.` });
  return [...others, { at: text, rates: { ...known?.rates, ...rates } }];
}

/** @throws {PeerError} `usage` for a rate at which every other end would see a stall. */
export function refuseTooSmall(bytesPerSecond: number | undefined): void {
  const isFine =
    bytesPerSecond === undefined ||
    bytesPerSecond === 0 ||
    (Number.isSafeInteger(bytesPerSecond) && bytesPerSecond >= LEAST_SHARE_BYTES_PER_SECOND);
  if (!isFine) throw usage('A limit is at least 16K a second: below it other peers would see a stall. Or say "none".');
}

function usage(message: string): PeerError {
  return new PeerError({ code: 'usage', message });
}

async function readOrNothing(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

const NOTHING: Saved = { changes: {}, schedule: [] };

function parse(text: string): Saved {
  try {
    const value = JSON.parse(text || '{}') as { v?: unknown; changes?: unknown; schedule?: unknown };
    if (value.v !== VERSION || !isRates(value.changes) || !Array.isArray(value.schedule)) return NOTHING;
    return { changes: value.changes, schedule: value.schedule.slice(0, MAX_RULES).filter(isRule) };
  } catch {
    return NOTHING; // Not JSON: as above.
  }
}

function isRates(value: unknown): value is RateLimits {
  if (typeof value !== 'object' || value === null) return false;
  return RATE_NAMES.every((name) => {
    const rate = (value as RateLimits)[name];
    return rate === undefined || (Number.isSafeInteger(rate) && rate >= 0);
  });
}

function isRule(value: unknown): value is LimitRule {
  const { at, rates } = (value ?? {}) as Partial<LimitRule>;
  return typeof at === 'string' && parseWeekTime(at) !== undefined && isRates(rates);
}
