/**
 * SQLite's index of names, FTS5 over trigrams without their places in a name: which rows of publications may have a text, newest or oldest
 * first. It is asked for the rarest trigrams of the text, and each row it names is looked at. Its numbers count down from `FIRST_PLACE`, so
 * that the newest row comes first in the direction in which FTS5 reads its lists quickly. The last rows, some hundred, are not in it yet
 * (`counters.indexed` is the last that is): a search looks at each of them, so it misses nothing.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { hasTrigram, TrigramSample } from './trigram-sample.js';

/** The number of row 0 in the index. As in `order-rows.ts`. */
const FIRST_PLACE = 1_099_511_627_776;
/** With so many rows beyond the index they go into it, together: that costs a third of one by one. */
const MAX_UNINDEXED = 512;
/** Names that are read to know which trigrams are rare. Read again when there are twice as many rows. */
const SAMPLE_ROWS = 2_048;
export type Direction = 'newest' | 'oldest';
/** Row numbers, both included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export class NameIndex {
  readonly #ends: StatementSync;
  readonly #sample: StatementSync;
  readonly #indexed: Readonly<Record<Direction, StatementSync>>;
  readonly #unindexed: Readonly<Record<Direction, StatementSync>>;
  #sampledRows = 0;
  #trigrams = new TrigramSample([]);

  constructor(private readonly database: DatabaseSync) {
    this.#ends = database.prepare(`SELECT coalesce((SELECT max(row_id) FROM publications), 0) AS last,
      (SELECT value FROM counters WHERE name = 'indexed') AS indexed`);
    this.#sample = database.prepare('SELECT fold FROM publications WHERE row_id >= ? ORDER BY row_id LIMIT 1');
    const indexed = (direction: string): StatementSync =>
      database.prepare(`SELECT ${FIRST_PLACE} - t.rowid AS row FROM publications_trigrams AS t
        CROSS JOIN publications AS p ON p.row_id = ${FIRST_PLACE} - t.rowid WHERE t.publications_trigrams MATCH ?
        AND t.rowid >= ${FIRST_PLACE} - ? AND t.rowid <= ${FIRST_PLACE} - ? AND instr(p.fold, ?) > 0 ORDER BY t.rowid ${direction} LIMIT ?`);
    const unindexed = (direction: string): StatementSync =>
      database.prepare(`SELECT row_id AS row FROM publications
        WHERE row_id >= ? AND row_id <= ? AND instr(fold, ?) > 0 ORDER BY row_id ${direction} LIMIT ?`);
    this.#indexed = { newest: indexed('ASC'), oldest: indexed('DESC') };
    this.#unindexed = { newest: unindexed('DESC'), oldest: unindexed('ASC') };
  }

  get lastRow(): number {
    return this.#readEnds().last;
  }

  /** Ready to tell the first `most` rows of a range whose fold has this text, without NUL. One without a trigram is looked for in all. */
  finder(fold: string, direction: Direction): (range: Range, most: number) => number[] {
    const [match, indexed] = hasTrigram(fold) ? [this.#matchOf(fold), this.#readEnds().indexed] : ['', 0];
    const rows = (found: unknown[]): number[] => (found as { row: number }[]).map(({ row }) => row);
    return ({ from, to }, most) => {
      const known = (limit: number): number[] =>
        from > indexed ? [] : rows(this.#indexed[direction].all(match, Math.min(to, indexed), from, fold, limit));
      const fresh = (limit: number): number[] =>
        to <= indexed ? [] : rows(this.#unindexed[direction].all(Math.max(from, indexed + 1), to, fold, limit));
      const [first, second] = direction === 'newest' ? [fresh, known] : [known, fresh];
      const found = first(most);
      return found.length === most ? found : [...found, ...second(most - found.length)];
    };
  }

  /** At the end of a transaction, inside it: takes in what it has written, when there is enough of it. */
  takeIn(): void {
    const { last, indexed } = this.#readEnds();
    if (last - indexed < MAX_UNINDEXED) return;
    this.database
      .prepare(`INSERT INTO publications_trigrams (rowid, fold) SELECT ${FIRST_PLACE} - row_id, fold FROM publications
        WHERE row_id > ? ORDER BY row_id DESC`)
      .run(indexed);
    this.database.prepare(`UPDATE counters SET value = ? WHERE name = 'indexed'`).run(last);
  }

  #readEnds(): { last: number; indexed: number } {
    return this.#ends.get() as { last: number; indexed: number };
  }

  /** In quotes everything is literal but the quote itself. */
  #matchOf(fold: string): string {
    this.#takeSample();
    const quoted = this.#trigrams.cheapest(fold).map((text) => `"${text.replaceAll('"', '""')}"`);
    return quoted.join(' AND ');
  }

  #takeSample(): void {
    const { last } = this.#readEnds();
    if (this.#sampledRows > 0 && last < 2 * this.#sampledRows) return;
    this.#sampledRows = Math.max(1, last);
    this.#trigrams = new TrigramSample(this.#someFolds(last));
  }

  *#someFolds(last: number): Generator<string> {
    for (let row = 1; row <= last; row += Math.max(1, last / SAMPLE_ROWS)) {
      const fold = this.#sample.get(Math.floor(row))?.['fold'];
      if (typeof fold !== 'string') return;
      yield fold;
    }
  }
}
