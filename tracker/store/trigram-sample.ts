/** Which trigrams of a text are worth looking up, by a sample of the names there are. */

/** Each more saves little. */
const MOST = 3;
/** To look at a row costs as much as to read so many places of a trigram's list. */
const ROW_COST = 32;
/** Names of the sample that a trigram is taken to have besides those seen: one that is not there may still be in some row. */
const UNSEEN = 0.5;
const NONE: ReadonlySet<number> = new Set();

interface Trigram {
  readonly text: string;
  /** Numbers of the names that have it. */
  readonly names: ReadonlySet<number>;
}

/** What the trigrams chosen so far leave to be looked at. */
interface Left {
  readonly names: ReadonlySet<number>;
  /** So many names, with those unseen. */
  readonly count: number;
}

export class TrigramSample {
  readonly #names = new Map<string, Set<number>>();
  #size = 0;

  /** `folds`: of names that stand for all of them. */
  constructor(folds: Iterable<string>) {
    for (const fold of folds) {
      for (const text of trigramsOf(fold)) {
        const names = this.#names.get(text);
        if (names === undefined) this.#names.set(text, new Set([this.#size]));
        else names.add(this.#size);
      }
      this.#size += 1;
    }
  }

  /** The rarest trigram of a text that has one, and others whose lists cost less to read than the rows that they rule out cost to look at. */
  cheapest(fold: string): string[] {
    const [rarest, ...others] = [...trigramsOf(fold)]
      .map((text): Trigram => ({ text, names: this.#names.get(text) ?? NONE }))
      .sort((a, b) => a.names.size - b.names.size);
    if (rarest === undefined) return [];
    const chosen = [rarest.text];
    let left: Left = { names: rarest.names, count: rarest.names.size + UNSEEN };
    while (chosen.length < MOST) {
      const next = this.#mostSaving(left, others);
      if (next === undefined) break;
      chosen.push(next.text);
      others.splice(others.indexOf(next), 1);
      left = { names: left.names.intersection(next.names), count: this.#countOfBoth(left, next) };
    }
    return chosen;
  }

  #mostSaving(left: Left, others: readonly Trigram[]): Trigram | undefined {
    let best: Trigram | undefined;
    let most = 0;
    for (const other of others) {
      const saved = ROW_COST * (left.count - this.#countOfBoth(left, other)) - other.names.size;
      if (saved > most) [best, most] = [other, saved];
    }
    return best;
  }

  #countOfBoth(left: Left, { names }: Trigram): number {
    let seen = 0;
    for (const name of left.names) if (names.has(name)) seen += 1;
    return seen + (UNSEEN * (names.size + UNSEEN)) / this.#size;
  }
}

/** Whether a text has a trigram: they count letters, not UTF-16 units. */
export function hasTrigram(fold: string): boolean {
  return [...fold].length > 2;
}

function trigramsOf(fold: string): Set<string> {
  const letters = [...fold];
  const trigrams = new Set<string>();
  for (let at = 2; at < letters.length; at += 1) trigrams.add(`${letters[at - 2]}${letters[at - 1]}${letters[at]}`);
  return trigrams;
}
