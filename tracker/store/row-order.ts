/**
 * On SQLite the numbers of publications' rows are in the order of all lists, (publishedAt, publicationId): each new row, and each that gets
 * new content, stands behind all others. So lists are read from the end of the table, and the index of names in the same order. A row that
 * would not stand there, because the clock was set back, gets a later publishedAt instead. A number is never given again.
 */
import { CompiledQuery, type Kysely } from 'kysely';
import { dialectOf } from './dialect.js';
import { prepared } from './prepared.js';
import type { RowKey, SearchKey } from './store.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

interface Place {
  readonly row_id: number;
  readonly published_at: number;
  readonly publication_id: string;
}

/** Numbers and times of rows that one request writes, in the order in which they are asked for. PostgreSQL numbers rows as it likes. */
export class NextPlaces {
  private constructor(
    private readonly db: Db,
    private last: RowKey,
    private lastRow: number,
    private readonly firstRow = lastRow,
  ) {}

  static async behindAll(db: Db): Promise<NextPlaces> {
    if (!dialectOf(db).isNumbered) return new NextPlaces(db, { publishedAt: 0, publicationId: '' }, -1);
    const statement = `SELECT c.value AS number, l.row_id, l.published_at, l.publication_id FROM counters AS c
      LEFT JOIN (SELECT * FROM publications ORDER BY row_id DESC LIMIT 1) AS l WHERE c.name = 'row'`;
    const { rows } = await db.executeQuery(
      CompiledQuery.raw(statement) as CompiledQuery<{ [K in keyof Place]: Place[K] | null } & { number: number }>,
    );
    const { number = 0, published_at, publication_id } = rows[0] ?? {};
    return new NextPlaces(db, { publishedAt: published_at ?? 0, publicationId: publication_id ?? '' }, number);
  }

  next(publicationId: string, at: number): { row_id?: number; published_at: number } {
    if (this.firstRow < 0) return { published_at: at };
    const { last } = this;
    const canFollow = publicationId > last.publicationId;
    const isBehind = at > last.publishedAt || (at === last.publishedAt && canFollow);
    const publishedAt = isBehind ? at : last.publishedAt + (canFollow ? 0 : 1);
    this.last = { publishedAt, publicationId };
    this.lastRow += 1;
    return { row_id: this.lastRow, published_at: publishedAt };
  }

  /** When the rows are written. */
  async taken(): Promise<void> {
    if (this.lastRow === this.firstRow) return;
    await setLastRow(this.db, { value: this.lastRow });
  }
}

const setLastRow = prepared((db, { value }: { value: number }) =>
  db.updateTable('counters').set({ value }).where('name', '=', 'row').compile(),
);

/** Rows that stand before this key have lower numbers, those behind it have higher ones; half a number where no row has the key. */
export async function rowAt(db: Db, { value, publicationId }: SearchKey): Promise<number> {
  const at = Number(value);
  const same = await first(db, 'publication_id = ? AND published_at = ?', [publicationId, at]);
  if (same !== undefined) return same.row_id;
  let low = 0;
  let high = ((await first(db, '1 ORDER BY row_id DESC', []))?.row_id ?? 0) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = await first(db, 'row_id >= ? ORDER BY row_id', [middle]);
    const isBefore =
      row !== undefined && (row.published_at < at || (row.published_at === at && row.publication_id < publicationId));
    if (isBefore) low = row.row_id + 1;
    else high = middle;
  }
  return low - 0.5;
}

async function first(db: Db, condition: string, values: readonly unknown[]): Promise<Place | undefined> {
  const statement = `SELECT row_id, published_at, publication_id FROM publications WHERE ${condition} LIMIT 1`;
  const { rows } = await db.executeQuery(CompiledQuery.raw(statement, [...values]) as CompiledQuery<Place>);
  return rows[0];
}

/** The row with this number, or the nearest one that a list in this direction has before it. */
export async function rowNear(
  db: Db,
  row: number,
  isDescending: boolean,
): Promise<{ readonly row: number; readonly key: SearchKey } | undefined> {
  const condition = isDescending ? 'row_id >= ? ORDER BY row_id' : 'row_id <= ? ORDER BY row_id DESC';
  const found = await first(db, condition, [row]);
  return found && { row: found.row_id, key: { value: found.published_at, publicationId: found.publication_id } };
}
