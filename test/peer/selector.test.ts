import { expect } from 'chai';
import { PeerError } from '../../peer/api.js';
import { findPublication } from '../../peer/selector.js';

const ONE = '1'.repeat(64);
const TWO = '2'.repeat(64);

interface Row {
  readonly name: string;
  readonly owner: string;
  readonly fileId: string;
  readonly sources?: number;
  readonly locked?: boolean;
}

/** Answers `search` as docs/protocol.md says, for the fields that selectors use. */
function trackerWith(rows: readonly Row[]): { request(type: string, query: Record<string, unknown>): Promise<never> } {
  return {
    async request(_type, { text, exact, owner, idPrefix = '' }) {
      const publications = rows.filter(
        (row) =>
          (exact === true ? row.name === text : row.name.includes(String(text))) &&
          (owner === undefined || row.owner === owner) &&
          row.fileId.startsWith(String(idPrefix)),
      );
      return {
        publications: publications.map((row) => ({
          ...row,
          publicationId: `${row.owner}/${row.name}`,
          size: 1,
          sources: row.sources ?? 1,
        })),
        partial: false,
      } as never;
    },
  };
}

async function codeOf(selector: string, rows: readonly Row[]): Promise<string> {
  const signal = new AbortController().signal;
  try {
    const { publication } = await findPublication(selector, trackerWith(rows) as never, { signal });
    return publication.publicationId;
  } catch (error) {
    if (error instanceof PeerError) return error.code;
    throw error;
  }
}

describe('findPublication', () => {
  const TABLE: readonly [title: string, selector: string, rows: readonly Row[], expected: string][] = [
    ['finds a name', 'a', [{ name: 'a', owner: 'bob', fileId: ONE }], 'bob/a'],
    ['takes the whole name, not a part of it', 'a', [{ name: 'aa', owner: 'bob', fileId: ONE }], 'not-found'],
    [
      'lists, never guesses, when a name has two contents',
      'a',
      [
        { name: 'a', owner: 'bob', fileId: ONE },
        { name: 'a', owner: 'carol', fileId: TWO },
      ],
      'ambiguous',
    ],
    [
      'takes the best source of one content',
      'a',
      [
        { name: 'a', owner: 'bob', fileId: ONE, sources: 0 },
        { name: 'a', owner: 'carol', fileId: ONE, sources: 2 },
      ],
      'carol/a',
    ],
    [
      'takes what needs no passcode, where it is there',
      'a',
      [
        { name: 'a', owner: 'bob', fileId: ONE, sources: 0 },
        { name: 'a', owner: 'carol', fileId: ONE, sources: 2, locked: true },
        { name: 'a', owner: 'dave', fileId: ONE, sources: 1 },
      ],
      'dave/a',
    ],
    [
      'tells owners apart',
      '@carol/a',
      [
        { name: 'a', owner: 'bob', fileId: ONE },
        { name: 'a', owner: 'carol', fileId: TWO },
      ],
      'carol/a',
    ],
    [
      'finds by id',
      `id:${'2'.repeat(16)}`,
      [
        { name: 'a', owner: 'bob', fileId: ONE },
        { name: 'b', owner: 'carol', fileId: TWO },
      ],
      'carol/b',
    ],
    ['takes a bare hex string as a name', ONE, [{ name: 'a', owner: 'bob', fileId: ONE }], 'not-found'],
    ['refuses an id that is too short', 'id:12345', [], 'usage'],
    ['refuses an owner that cannot be one', '@../a', [], 'usage'],
  ];
  for (const [title, selector, rows, expected] of TABLE) {
    it(title, async () => {
      expect(await codeOf(selector, rows)).to.equal(expected);
    });
  }
});
