/**
 * Whose turn it is: the order in which tasks of several owners get their places, and when that will be. Pure but for what it is told;
 * `fair-queue.ts` runs the tasks.
 */

/** How far a task's turn is. */
export interface Turn {
  /** Bytes until it gives its place back. */
  leftBytes(): number;
  /** How fast it goes lately, once it runs; 0 while unknown. */
  bytesPerSecond(): number;
}

export interface Waiter {
  readonly owner: string;
  /** Absent: nobody knows how long it will take. */
  readonly turn: Turn | undefined;
}

/** When a waiting task begins, as far as can be told now. */
export interface Forecast<W extends Waiter> {
  readonly waiter: W;
  /** Absent when nothing is known of who is before it. */
  readonly etaMs: number | undefined;
}

interface Owner {
  running: number;
  /** Number of its last start: the lowest waits longest. */
  lastStart: number;
}

/** An owner that was not here lately waits longest of all. */
const NEVER = 0;

export class TurnLine<W extends Waiter> {
  readonly #waiting: W[] = [];
  readonly #running = new Set<W>();
  readonly #owners = new Map<string, Owner>();
  #starts = 0;

  constructor(private readonly placesPerOwner: number) {}

  get waiting(): readonly W[] {
    return this.#waiting;
  }

  get running(): number {
    return this.#running.size;
  }

  add(waiter: W): void {
    this.#waiting.push(waiter);
  }

  /** False when it does not wait. */
  remove(waiter: W): boolean {
    const index = this.#waiting.indexOf(waiter);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  /** Takes out who is next; it runs from now on. Undefined when nobody may begin. */
  start(): W | undefined {
    const next = pick(this.#waiting, this.#owners, this.placesPerOwner);
    const waiter = this.#waiting[next];
    if (waiter === undefined) return undefined;
    this.#waiting.splice(next, 1);
    this.#running.add(waiter);
    this.#starts += 1;
    begin(this.#owners, waiter.owner, this.#starts);
    return waiter;
  }

  end(waiter: W): void {
    if (!this.#running.delete(waiter)) return;
    const owner = this.#owners.get(waiter.owner);
    if (owner !== undefined) owner.running -= 1;
    if (this.#waiting.length === 0 && this.#running.size === 0) this.#owners.clear();
  }

  /**
   * Those who wait, in the order of their turns, by playing on from now: with `places`, each as fast as it is, and new ones at
   * `bytesPerSecond`.
   */
  forecast(places: number, bytesPerSecond: number): Forecast<W>[] {
    const owners = new Map([...this.#owners].map(([name, owner]) => [name, { ...owner }]));
    const ends = [...this.#running].map((waiter) => ({ owner: waiter.owner, at: msLeft(waiter.turn, bytesPerSecond) }));
    const rest = [...this.#waiting];
    const found: Forecast<W>[] = [];
    let starts = this.#starts;
    for (let now = 0; rest.length > 0; ) {
      const next = ends.length < places ? pick(rest, owners, this.placesPerOwner) : -1;
      if (next < 0) {
        const ended = takeFirst(ends);
        if (ended === undefined) break; // no place at all
        now = Math.max(now, ended.at);
        const owner = owners.get(ended.owner);
        if (owner !== undefined) owner.running -= 1;
        continue;
      }
      const waiter = rest.splice(next, 1)[0] as W;
      starts += 1;
      begin(owners, waiter.owner, starts);
      ends.push({ owner: waiter.owner, at: now + msLeft(waiter.turn, bytesPerSecond) });
      found.push({ waiter, etaMs: Number.isFinite(now) ? Math.round(now) : undefined });
    }
    return found;
  }
}

/** Index of who is next: of the owners with the fewest places the one that waits longest, of its tasks the oldest. -1: nobody may. */
function pick(waiting: readonly Waiter[], owners: ReadonlyMap<string, Owner>, placesPerOwner: number): number {
  let best = -1;
  let [fewest, earliest] = [Infinity, Infinity];
  for (const [index, { owner }] of waiting.entries()) {
    const { running, lastStart } = owners.get(owner) ?? { running: 0, lastStart: NEVER };
    if (running >= placesPerOwner || running > fewest) continue;
    if (running === fewest && lastStart >= earliest) continue;
    [best, fewest, earliest] = [index, running, lastStart];
  }
  return best;
}

function begin(owners: Map<string, Owner>, name: string, start: number): void {
  const owner = owners.get(name);
  owners.set(name, { running: (owner?.running ?? 0) + 1, lastStart: start });
}

function msLeft(turn: Turn | undefined, usual: number): number {
  if (turn === undefined) return Infinity;
  const rate = turn.bytesPerSecond() || usual;
  return rate > 0 ? (turn.leftBytes() * 1_000) / rate : Infinity;
}

function takeFirst(ends: { readonly owner: string; readonly at: number }[]): (typeof ends)[number] | undefined {
  let first = 0;
  for (const [index, { at }] of ends.entries()) if (at < (ends[first]?.at ?? Infinity)) first = index;
  return ends.splice(first, 1)[0];
}
