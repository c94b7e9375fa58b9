import { expect } from 'chai';

import { firstRows } from '../../peer/commands/first-rows.js';

const PAGE = 1_000;

/** As the tracker answers a list of so many. */
function pagesOf(total: number) {
  return async ({ cursor = '0' }: { readonly cursor?: string }) => {
    const first = Number(cursor);
    const end = Math.min(total, first + PAGE);
    const rows = Array.from({ length: end - first }, (_, index) => first + index);
    return { rows, ...(end < total && { cursor: String(end) }) };
  };
}

describe('the rows of a list without pages', () => {
  it('are all there are, in order', async () => {
    for (const total of [0, 1, PAGE, 2 * PAGE + 1, 100_000])
      expect(await firstRows(pagesOf(total))).to.deep.equal({ rows: Array.from({ length: total }, (_, row) => row) });
  });

  it('are the first 100,000 of more, and it says so', async () => {
    const { rows, more } = await firstRows(pagesOf(1_000_000));

    expect([rows.length, rows.at(-1), more]).to.deep.equal([100_000, 99_999, true]);
  });
});
