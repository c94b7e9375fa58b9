import { expect } from 'chai';
import { MAX_ENDING_LENGTH, MAX_ENDINGS } from '../../common/protocol/limits.js';
import { PeerError } from '../../peer/api.js';
import { type SearchWords, searchWish } from '../../peer/wording/search-wish.js';

const NOW = Date.UTC(2026, 10, 21, 12);

function refusal(words: SearchWords): string {
  try {
    return `nothing wrong: ${JSON.stringify(searchWish(words, NOW))}`;
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

describe('searchWish', () => {
  const READ: readonly (readonly [SearchWords, object])[] = [
    [{}, {}],
    [{ owner: '@alice' }, { owner: 'alice' }],
    [{ id: `id:${'AB'.repeat(8)}` }, { idPrefix: 'ab'.repeat(8) }],
    [{ minSize: '800K' }, { minSize: 819_200 }],
    [
      { minSize: '1.5G', maxSize: '2 GiB' },
      { minSize: 1_610_612_736, maxSize: 2_147_483_648 },
    ],
    [{ maxSize: '12' }, { maxSize: 12 }],
    [{ type: 'folder' }, { kind: 'folder' }],
    [{ type: '.PDF, tar.gz' }, { endings: ['pdf', 'tar.gz'] }],
    [{ since: '3d' }, { publishedAfter: NOW - 3 * 86_400_000 }],
    [{ before: '30m' }, { publishedBefore: NOW - 1_800_000 }],
    [{ since: '2026-11-20' }, { publishedAfter: new Date(2026, 10, 20).getTime() }],
    [{ since: '2026-11-20 14:30' }, { publishedAfter: new Date(2026, 10, 20, 14, 30).getTime() }],
    [{ sort: 'largest' }, { sort: 'largest' }],
  ];
  for (const [words, expected] of READ) {
    it(`reads ${JSON.stringify(words)}`, () => expect(searchWish(words, NOW)).to.deep.equal(expected));
  }

  it('knows kinds of files by the endings of their names, in one word or two', () => {
    const { endings = [] } = searchWish({ type: 'images,video' }, NOW);

    expect(endings).to.include.members(['jpg', 'png', 'mp4', 'mkv']).and.not.to.include('pdf');
  });

  it('asks for all kinds together within the limits of one search', () => {
    const { endings = [] } = searchWish({ type: 'archive,audio,document,image,video' }, NOW);

    expect(endings.length).to.be.within(40, MAX_ENDINGS);
    for (const ending of endings) expect(ending.length).to.be.at.most(MAX_ENDING_LENGTH);
  });

  const REFUSED: readonly (readonly [SearchWords, RegExp])[] = [
    [{ owner: 'a b' }, /^usage: a b is not the name of a user/],
    [{ id: 'abc' }, /^usage: --id is "abc".*16 to 64/],
    [{ minSize: 'big' }, /^usage: --min-size is "big".*800K/],
    [{ maxSize: '-1' }, /--max-size/],
    [{ type: 'folder,pdf' }, /--type/],
    [{ type: 'a/b' }, /--type/],
    [{ type: ',' }, /--type/],
    [{ since: 'yesterday' }, /--since.*2026-11-20.*3d/],
    [{ since: '2026-02-30' }, /--since/],
    [{ before: '1900-01-01' }, /--before/],
    [{ sort: 'colour' }, /--sort.*newest, oldest, name, largest or smallest/],
  ];
  for (const [words, expected] of REFUSED) {
    it(`refuses ${JSON.stringify(words)}`, () => expect(refusal(words)).to.match(expected));
  }
});
