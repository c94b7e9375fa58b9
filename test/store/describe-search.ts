import { expect } from 'chai';
import fc from 'fast-check';
import { SEARCH_ORDERS, type SearchOrder } from '../../common/protocol/search-fields.js';
import { searchFold } from '../../tracker/store/search-fold.js';
import type { PublishEntry, SearchQuery, Store } from '../../tracker/store/store.js';
import { seedFor } from '../support/seed.js';
import { addUsers, deviceOf, entry, fileIdOf, newId, publish, query, searchAll, unpublish } from './store-samples.js';

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
const LETTERS_AND_DOTS = [...LETTERS, '.', '.', '.b', '.Σ'];
const word = fc
  .array(fc.constantFrom(...LETTERS_AND_DOTS), { minLength: 1, maxLength: 7 })
  .map((letters) => letters.join(''));

interface Row {
  readonly name: string;
  readonly owner: string;
  readonly publishedAt: number;
  readonly publicationId: string;
  readonly fileId: string;
  readonly size: number;
}

const OWNERS = ['alice', 'bob', 'carol'] as const;
const LIVE_OWNER = 'bob';

function many(count: number, nameOf: (part: number) => string): PublishEntry[] {
  return Array.from({ length: count }, (_, part) => entry(nameOf(part)));
}

/** What every store promises of search: the same rows in the same order. */
export function describeSearch(name: string, open: () => Promise<{ store: Store; close(): Promise<void> }>): void {
  describe(`${name}: search`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let store: Store;
    let rows: Row[];
    before(async () => {
      opened = await open();
      ({ store } = opened);
      await addUsers(store, ...OWNERS);
      rows = [];
      const samples = fc.sample(fc.tuple(word, fc.constantFrom(...OWNERS), fc.nat({ max: 5 })), {
        numRuns: 400,
        seed: seedFor('search rows'),
      });
      const inTime = samples.toSorted(([, , before], [, , after]) => before - after);
      for (const [name, owner, publishedAt] of inTime) {
        if (rows.some((row) => row.name === name && row.owner === owner)) continue;
        const publicationId = newId();
        const size = rows.length % 7;
        await publish(store, { user: owner, at: publishedAt }, entry(name, name, { newId: publicationId, size }));
        rows.push({ name, owner, publishedAt, publicationId, fileId: fileIdOf(name), size });
      }
      await store.setLive({
        devices: [{ user: LIVE_OWNER, device: deviceOf(LIVE_OWNER), isLive: true }],
        publications: [],
      });
    });
    after(() => opened.close());

    /** The meaning of search, told the plainest way. */
    function expected(wanted: SearchQuery): string[] {
      const form = wanted.ignoreCase ? searchFold : (text: string): string => text;
      const { publishedAfter = 0, publishedBefore = Infinity, minSize = 0, maxSize = Infinity } = wanted;
      const found = rows.filter(
        (row) =>
          (wanted.endings ?? ['']).some((ending) => searchFold(row.name).endsWith(ending && `.${ending}`)) &&
          row.size >= minSize &&
          row.size <= maxSize &&
          row.publishedAt >= publishedAfter &&
          row.publishedAt < publishedBefore &&
          (wanted.publicationIds?.includes(row.publicationId) ?? true) &&
          (wanted.exact ? form(row.name) === form(wanted.text) : form(row.name).includes(form(wanted.text))) &&
          (!wanted.liveOnly || row.owner === LIVE_OWNER) &&
          row.owner !== wanted.exceptUser &&
          (wanted.owner === undefined || row.owner === wanted.owner) &&
          (wanted.idPrefix === undefined || row.fileId.startsWith(wanted.idPrefix)),
      );
      return found.sort(inOrder(wanted.order ?? 'newest')).map(({ name }) => name);
    }

    function inOrder(order: SearchOrder): (a: Row, b: Row) => number {
      const byId = (a: Row, b: Row): number => (a.publicationId < b.publicationId ? -1 : 1);
      const bytes = ({ name }: Row): Buffer => Buffer.from(searchFold(name));
      const ascending = {
        oldest: (a: Row, b: Row) => a.publishedAt - b.publishedAt || byId(a, b),
        name: (a: Row, b: Row) => Buffer.compare(bytes(a), bytes(b)) || byId(a, b),
        smallest: (a: Row, b: Row) => a.size - b.size || byId(a, b),
      };
      if (order === 'newest') return (a, b) => ascending.oldest(b, a);
      return order === 'largest' ? (a, b) => ascending.smallest(b, a) : ascending[order];
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
        order: fc.constantFrom(...SEARCH_ORDERS),
        minSize: fc.option(fc.nat({ max: 7 }), { nil: undefined }),
        maxSize: fc.option(fc.nat({ max: 7 }), { nil: undefined }),
        publishedAfter: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
        publishedBefore: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
        endings: optional(['b', 'σ']),
        limit: fc.integer({ min: 1, max: 30 }),
      });
      await fc.assert(
        fc.asyncProperty(anyQuery, async (wanted) => {
          expect(await searchAll(store, wanted)).to.deep.equal(expected(wanted));
        }),
        { numRuns: 300, seed: seedFor('search queries') },
      );
    });

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
    });

    it('narrows by leading digits of the fileId', async () => {
      for (const { fileId } of rows.slice(0, 20)) {
        const wanted = query('', { idPrefix: fileId.slice(0, 16) });
        expect(await searchAll(store, wanted)).to.deep.equal(expected(wanted));
      }
    });

    it('narrows by publication ids, in any order', async () => {
      const publicationIds = rows.slice(3, 20).map(({ publicationId }) => publicationId);
      for (const order of SEARCH_ORDERS) {
        const wanted = query('', { publicationIds, order });
        expect(await searchAll(store, wanted)).to.deep.equal(expected(wanted));
      }
    });

    it('goes on behind a name that is gone since the last page', async () => {
      const first = await store.search(query('', { order: 'name', limit: 5 }));
      const beginning = String(first.next?.value).slice(0, 1);
      const after = { value: beginning, publicationId: newId() };
      const names = (await searchAll(store, query('', { order: 'name', after }))).map(searchFold);

      const behind = expected(query('', { order: 'name' })).map(searchFold);
      expect(names).to.deep.equal(
        behind.filter((name) => Buffer.compare(Buffer.from(name), Buffer.from(beginning)) >= 0),
      );
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

    it('finds at once what was acknowledged, and no more what was withdrawn, while others publish and search', async () => {
      let isOver = false;
      const others = [
        async () => publish(store, { user: 'bob' }, ...many(50, (part) => `noise ${newId()} ${part}`)),
        async () => searchAll(store, query('noise', { order: 'oldest' })),
      ].map(async (work) => {
        while (!isOver) await work();
      });

      try {
        for (let round = 0; round < 12; round += 1) {
          const entries = many(round % 4 === 0 ? 300 : 1, (part) => `fresh ${round} part ${part}.`);
          const last = `fresh ${round} part ${entries.length - 1}.`;
          await publish(store, { user: 'carol' }, ...entries);
          expect(await searchAll(store, query(last)), `round ${round}`).to.deep.equal([last]);
          await unpublish(store, 'carol', last);
          expect(await searchAll(store, query(last)), `round ${round}, withdrawn`).to.deep.equal([]);
        }
      } finally {
        isOver = true;
        await Promise.all(others);
      }
    });
  });
}
