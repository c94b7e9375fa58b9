import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { PeerError } from '../../peer/api.js';
import { SavedSearches, type SavedSearchesParts } from '../../peer/saved-searches.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';

const NEVER = { signal: new AbortController().signal };
const NOW = Date.UTC(2026, 10, 21);

/** A tracker that knows these publications, and notes what it is asked. */
class FakeTracker {
  readonly asked: { readonly type: string; readonly body: Readonly<Record<string, unknown>> }[] = [];
  published: { readonly publicationId: string; readonly name: string; readonly revision: number }[] = [];
  now = NOW;
  fails = false;

  readonly trackerNow = (): number => this.now;

  readonly request = async (type: string, body: object): Promise<unknown> => {
    const asked = body as Readonly<Record<string, unknown>>;
    this.asked.push({ type, body: asked });
    if (this.fails) throw new PeerError({ code: 'tracker-unreachable', message: 'Nobody answers.' });
    const ids = asked['publicationIds'] as string[] | undefined;
    const publications = this.published
      .filter(({ publicationId }) => ids?.includes(publicationId) ?? true)
      .map((row) => ({ ...row, kind: 'file', owner: 'alice', size: 1, publishedAt: this.now }));
    return type === 'search' ? { publications, partial: false } : {};
  };

  publish(count: number, first = 1): string[] {
    const rows = Array.from({ length: count }, (_, index) => ({
      publicationId: `id-${first + index}`,
      name: `file ${first + index}`,
      revision: 1,
    }));
    this.published.push(...rows);
    return rows.map(({ publicationId }) => publicationId);
  }
}

describe('SavedSearches', () => {
  let dir: TempDir;
  let tracker: FakeTracker;
  let notices: string[];
  let fetched: string[];
  let opened: SavedSearches[];
  beforeEach(async () => {
    dir = await tempDir();
    tracker = new FakeTracker();
    notices = [];
    fetched = [];
    opened = [];
  });
  afterEach(async () => {
    for (const searches of opened) await searches.stop();
    await dir[Symbol.asyncDispose]();
  });

  async function open(more: Partial<SavedSearchesParts> = {}): Promise<SavedSearches> {
    const searches = new SavedSearches({
      tracker: tracker as unknown as SavedSearchesParts['tracker'],
      stateDir: dir.path,
      isServing: true,
      notice: (_level, text) => notices.push(text),
      fetch: async (selector, directory) => fetched.push(`${directory} ${selector}`),
      ...more,
    });
    await searches.load();
    opened.push(searches);
    return searches;
  }

  const matched = (searches: SavedSearches, search: string, publicationIds: string[], more = {}): void =>
    searches.matched({ v: 1, event: 'match', eventId: 'e', search, publicationIds, ...more }, NEVER);

  it('tell a match once, however often the tracker says it, and again when its content is replaced', async () => {
    const searches = await open();
    const { searchId } = await searches.save({ text: 'file' }, NEVER);
    const ids = tracker.publish(1);

    matched(searches, searchId, ids);
    matched(searches, searchId, ids);
    matched(searches, searchId, [], { more: true });
    await waitFor(() => tracker.asked.filter(({ type }) => type === 'search').length === 3, { what: 'three looks' });
    tracker.published = tracker.published.map((row) => ({ ...row, revision: 2 }));
    matched(searches, searchId, ids);

    await waitFor(() => searches.rows()[0]?.matches === 2, { what: 'both' });
    expect(notices).to.have.length(2);
    expect(notices[0]).to.equal('file 1 (1 B) from alice matches your saved search "file".');
  });

  it('tell the first few of many, count the rest, and fetch them all', async () => {
    const searches = await open();
    const { searchId } = await searches.save({ text: '', into: '/into' }, NEVER);

    matched(searches, searchId, tracker.publish(12));

    await waitFor(() => fetched.length === 12, { what: 'all to be fetched' });
    expect(fetched[0]).to.equal('/into @alice/file 1');
    const told = notices.filter((text) => !text.includes('was fetched'));
    expect(told).to.have.length(6);
    expect(told.at(-1)).to.equal('… and 7 files more match your saved search s1.');
  });

  it('do not fetch by themselves what programs would read unasked', async () => {
    const searches = await open();
    const { searchId } = await searches.save({ text: '', into: '/into' }, NEVER);
    const ids = tracker.publish(2);
    tracker.published = tracker.published.map((row, index) => (index === 0 ? { ...row, name: '.bash_profile' } : row));

    matched(searches, searchId, ids);

    await waitFor(() => fetched.length === 1 && notices.length === 4, { what: 'both to be told' });
    expect(fetched).to.deep.equal(['/into @alice/file 2']);
    expect(notices).to.include(
      '.bash_profile was not fetched: its name begins with a dot. Type get @alice/.bash_profile if you want it.',
    );
    expect(notices).to.include('.bash_profile (1 B) from alice matches your saved search s1.');
  });

  it('say what to type when what they are to fetch has a passcode', async () => {
    const searches = await open({
      fetch: () => Promise.reject(new PeerError({ code: 'passcode-needed', message: 'Passcode needed.' })),
    });
    const { searchId } = await searches.save({ text: '', into: '/into' }, NEVER);

    matched(searches, searchId, tracker.publish(1));

    await waitFor(() => notices.some((text) => text.includes("Type get '@alice/file 1'")), { what: 'the advice' });
  });

  it('are told to the tracker at each login, which then looks for what was missed since the last', async () => {
    await (await open()).save({ text: 'file', endings: ['bin'], minSize: 5 }, NEVER);
    tracker.now += 3_600_000;
    tracker.asked.length = 0;
    tracker.publish(1);

    const again = await open();
    again.online(NEVER);
    await waitFor(() => notices.length === 1, { what: 'what was missed' });

    const query = { text: 'file', endings: ['bin'], minSize: 5 };
    expect(tracker.asked[0]).to.deep.equal({ type: 'searches', body: { searches: [{ search: 's1', ...query }] } });
    expect(tracker.asked[1]?.body).to.deep.include({ ...query, all: true, publishedAfter: NOW });
  });

  it('go to the tracker together with what resting downloads wait for, and wake those when it comes', async () => {
    const woken: string[] = [];
    const searches = await open({
      waiting: {
        resting: () => [{ transferId: 'f00', fileId: 'ab'.repeat(32) }],
        hope: (transferId) => woken.push(transferId),
      },
    });

    searches.rested(NEVER);
    await waitFor(() => tracker.asked.length === 1, { what: 'the tracker to be told' });
    const [waited] = tracker.asked[0]!.body['searches'] as { search: string; idPrefix: string; sources: boolean }[];
    matched(searches, waited?.search ?? '', tracker.publish(1));

    expect(waited).to.include({ idPrefix: 'ab'.repeat(32), sources: true });
    expect(woken).to.deep.equal(['f00']);
    expect(notices).to.deep.equal([]);
  });

  it('end at once with unsave, also while they are looked up', async () => {
    const searches = await open();
    const { searchId } = await searches.save({ text: 'file' }, NEVER);
    matched(searches, searchId, tracker.publish(1));

    await searches.remove(searchId, NEVER);
    matched(searches, searchId, tracker.publish(1, 2));
    await searches.save({ text: 'other' }, NEVER);

    expect(searches.rows().map(({ text }) => text)).to.deep.equal(['other']);
    expect((await open()).rows().map(({ text }) => text)).to.deep.equal(['other']);
  });

  it('say why something was not fetched, and that they could not be looked up, and go on', async () => {
    const searches = await open({
      fetch: async () => {
        throw new PeerError({ code: 'exists', message: 'It is there already.' });
      },
    });
    const { searchId } = await searches.save({ text: '', into: '/into' }, NEVER);
    tracker.fails = true;
    matched(searches, searchId, tracker.publish(1));
    await waitFor(() => notices.some((text) => text.includes('Nobody answers')), { what: 'the failure' });

    tracker.fails = false;
    matched(searches, searchId, ['id-1']);

    await waitFor(() => notices.at(-1)?.includes('was not fetched: It is there already.'), { what: 'the refusal' });
  });

  it('are only kept by a peer that does not serve, at most 32 of them, and a broken file counts as none', async () => {
    const searches = await open({ isServing: false });
    for (let count = 0; count < 32; count += 1) await searches.save({ text: `x${count}` }, NEVER);
    const tooMany = await searches.save({ text: 'one more' }, NEVER).catch((error: unknown) => error);

    expect(tooMany).to.be.instanceOf(PeerError).with.property('code', 'too-many');
    expect(tracker.asked).to.deep.equal([]);
    expect((await open()).rows()).to.have.length(32);
    await writeFile(dir.join('searches.json'), '{"v":1,"searches":[{"searchId":1}]}');
    expect((await open()).rows()).to.deep.equal([]);
  });
});
