/** Rows of a list without pages: a screen's answer, not an export. */
const MOST_ROWS = 100_000;

export interface FirstRows<Row> {
  readonly rows: Row[];
  /** There are others. */
  readonly more?: true;
}

/** The rows of one page after the other, as many as a list without pages has. `page` gets the cursor of the page before. */
export async function firstRows<Row>(
  page: (from: {
    readonly cursor?: string;
  }) => Promise<{ readonly rows: readonly Row[]; readonly cursor?: string | undefined }>,
): Promise<FirstRows<Row>> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  do {
    const next = await page(cursor === undefined ? {} : { cursor });
    rows.push(...next.rows);
    ({ cursor } = next);
  } while (cursor !== undefined && rows.length < MOST_ROWS);
  return { rows, ...(cursor === undefined ? {} : { more: true }) };
}
