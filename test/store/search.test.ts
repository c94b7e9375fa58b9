import { expect } from 'chai';
import fc from 'fast-check';
import { searchFold } from '../../tracker/store/search-fold.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import type { SearchQuery, Store } from '../../tracker/store/store.js';
import { seedFor } from '../support/seed.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { addUsers, deviceOf, entry, fileIdOf, newId, publish, query, searchAll } from './store-samples.js';

/** Letters that meet each other often: cases, sigmas, accents apart and joined, everything that SQL or the index could misread. */
const LETTERS = [
  'a',
  'A',
  'b',
  'B',
  'ß',
  'S',
  'Σ',
  'σ',
  'ς',
  'İ',
  'i',
  'é',
  'J\u030c',
  '日',
  '😀',
  ' ',
  '%',
  '_',
  '"',
  '*',
  '\\',
  "'",
  '-',
  ':',
  '^',
  '(',
  'ǰ',
];
const word = fc.array(fc.constantFrom(...LETTERS), { minLength: 1, maxLength: 7 }).map((letters) => letters.join(''));

interface Row {
  readonly name: string;
  readonly owner: string;
  readonly publishedAt: number;
  readonly publicationId: string;
  readonly fileId: string;
}

const OWNERS = ['alice', 'bob', 'carol'] as const;
const LIVE_OWNER = 'bob';

describe('search', () => {
  let dir: TempDir;
  let store: Store;
  let rows: Row[];
  before(async () => {
    dir = await tempDir();
    store = await openSqliteStore({ path: dir.join('tracker.sqlite'), isTracker: true });
    await addUsers(store, ...OWNERS);
    rows = [];
    const samples = fc.sample(fc.tuple(word, fc.constantFrom(...OWNERS), fc.nat({ max: 5 })), {
      numRuns: 400,
      seed: seedFor('search rows'),
    });
    for (const [name, owner, publishedAt] of samples) {
      if (rows.some((row) => row.name === name && row.owner === owner)) continue;
      const publicationId = newId();
      await publish(store, { user: owner, at: publishedAt }, entry(name, name, { newId: publicationId }));
      rows.push({ name, owner, publishedAt, publicationId, fileId: fileIdOf(name) });
    }
    await store.setLive({
      devices: [{ user: LIVE_OWNER, device: deviceOf(LIVE_OWNER), isLive: true }],
      publications: [],
    });
  });
  after(async () => {
    await store.close();
    await dir[Symbol.asyncDispose]();
  });

  /** The meaning of search, told the plainest way. */
  function expected(wanted: SearchQuery): string[] {
    const form = wanted.ignoreCase ? searchFold : (text: string): string => text;
    const found = rows.filter(
      (row) =>
        (wanted.exact ? form(row.name) === form(wanted.text) : form(row.name).includes(form(wanted.text))) &&
        (!wanted.liveOnly || row.owner === LIVE_OWNER) &&
        row.owner !== wanted.exceptUser &&
        (wanted.owner === undefined || row.owner === wanted.owner) &&
        (wanted.idPrefix === undefined || row.fileId.startsWith(wanted.idPrefix)),
    );
    const newestFirst = found.sort(
      (a, b) => b.publishedAt - a.publishedAt || (a.publicationId < b.publicationId ? 1 : -1),
    );
    return newestFirst.map(({ name }) => name);
  }

  it('finds what a plain look at every name finds, in the same order, over pages of any size', async () => {
    const optional = <T>(value: T) => fc.option(fc.constant(value), { nil: undefined });
    const anyQuery = fc.record({
      text: fc.oneof(word, fc.constant(''), fc.constantFrom(...LETTERS)),
      ignoreCase: fc.boolean(),
      exact: fc.boolean(),
      liveOnly: fc.boolean(),
      viewer: fc.constant('alice'),
      exceptUser: optional('bob'),
      owner: optional('carol'),
      limit: fc.integer({ min: 1, max: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(anyQuery, async (wanted) => {
        expect(await searchAll(store, wanted)).to.deep.equal(expected(wanted));
      }),
      { numRuns: 300, seed: seedFor('search queries') },
    );
  }).timeout(60_000);

  it('finds every part of every name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.nat(), async (which, from, length) => {
        const { name } = rows[which % rows.length]!;
        const letters = [...name];
        const first = from % letters.length;
        const text = letters.slice(first, first + 1 + (length % (letters.length - first))).join('');
        expect(await searchAll(store, query(text))).to.include(name);
      }),
      { numRuns: 200, seed: seedFor('search parts') },
    );
  }).timeout(60_000);

  it('narrows by leading digits of the fileId', async () => {
    for (const { fileId } of rows.slice(0, 20)) {
      const wanted = query('', { idPrefix: fileId.slice(0, 16) });
      expect(await searchAll(store, wanted)).to.deep.equal(expected(wanted));
    }
  });

  it('takes wildcards, quotes and operators literally', async () => {
    for (const text of [
      '%%%',
      '___',
      '"""',
      '***',
      '\\\\\\',
      "'; DROP TABLE publications; --",
      'a OR b',
      'fold:a',
      'NEAR(a b)',
      'a\0b',
    ]) {
      expect(await searchAll(store, query(text)), JSON.stringify(text)).to.deep.equal(expected(query(text)));
    }
  });
});
