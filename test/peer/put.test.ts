import { rm, symlink, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { CopyRow } from '../../common/protocol/depot-fields.js';
import type { Request } from '../../common/protocol/messages.js';
import { systemClock, VirtualClock } from '../../common/runtime/clock.js';
import { Pulse } from '../../common/runtime/pulse.js';
import { PeerError, type PutOutcome, type UploadRow } from '../../peer/api.js';
import type { PutInput, StoringEvent, StoringRow } from '../../peer/api-depot.js';
import { Folders } from '../../peer/library/folders/folders.js';
import { FileHasher } from '../../peer/library/hashing/hash-file.js';
import { Library } from '../../peer/library/library.js';
import { Publisher } from '../../peer/library/publisher.js';
import { put } from '../../peer/put.js';
import { putOutcome } from '../../peer/wording/depots.js';
import { rowText } from '../../peer/wording/row.js';
import { writeTree } from '../download/folder-fixture.js';
import { type TempDir, tempDir } from '../support/temp.js';

const idOf = (name: string): string => `publication-of-${name}`.padEnd(21, '_').slice(0, 21);

/** Says what was put of which name, one answer after the other; the last one for ever. */
class StoringTracker {
  readonly published = new Set<string>();
  readonly puts: Request<'put'>[] = [];
  /** Refuses to store these. */
  readonly refuses = new Map<string, string>();
  /** What `copies` says, by name. */
  readonly answers = new Map<string, CopyRow[][]>();
  isAway = 0;

  request = async (type: string, body: never): Promise<never> => {
    const answer = {
      publish: this.#publish,
      unpublish: this.#unpublish,
      put: this.#put,
      copies: this.#copies,
      paths: () => ({}),
    };
    return answer[type as keyof typeof answer].call(this, body) as never;
  };

  #publish({ entries }: Request<'publish'>): object {
    const results = entries.map(({ name }) => {
      const change = this.published.has(name) ? 'unchanged' : 'new';
      this.published.add(name);
      return { ok: true, publicationId: idOf(name), revision: 1, change, rights: 'public' };
    });
    return { results, libraryRevision: 1 };
  }

  #unpublish({ names }: Request<'unpublish'>): object {
    for (const name of names) this.published.delete(name);
    return { results: names.map((name) => ({ ok: true, publicationId: idOf(name) })), libraryRevision: 2 };
  }

  #put(body: Request<'put'>): object {
    this.puts.push(body);
    const results = body.names.map((name) => {
      const code = this.refuses.get(name);
      return code === undefined
        ? { ok: true, publicationId: idOf(name), copies: [] }
        : { ok: false, error: { code, message: '' } };
    });
    return { results };
  }

  #copies({ publicationIds }: Request<'copies'>): object {
    this.isAway -= 1;
    if (this.isAway >= 0) throw new PeerError({ code: 'tracker-unreachable', message: 'away' });
    const publications = publicationIds.map((publicationId) => {
      const [, answers = []] = [...this.answers].find(([name]) => idOf(name) === publicationId) ?? [];
      const copies = answers.length > 1 ? answers.shift() : answers[0];
      return { publicationId, copies: copies ?? [{ depot: 'cellar', state: 'stored' }] };
    });
    return { publications };
  }
}

describe('put', () => {
  const signal = new AbortController().signal;
  let dir: TempDir;
  let library: Library;
  let hasher: FileHasher;
  let folders: Folders;
  let tracker: StoringTracker;
  let uploads: () => UploadRow[];
  let clock: VirtualClock;
  let events: StoringEvent[];
  /** What a screen shows. */
  let bars: Map<string, number>;

  beforeEach(async () => {
    dir = await tempDir();
    library = new Library(dir.join('library.sqlite'));
    hasher = new FileHasher({ threads: 1 });
    folders = new Folders({ stateDir: dir.path, hasher, clock: systemClock });
    tracker = new StoringTracker();
    uploads = () => [];
    clock = new VirtualClock();
    events = [];
    bars = new Map();
  });
  afterEach(async () => {
    await folders.close();
    await hasher.close();
    library.close();
    await dir[Symbol.asyncDispose]();
  });

  async function run(input: PutInput): Promise<PutOutcome[]> {
    const own = { user: () => 'alice', now: () => 0, onHashing: () => undefined, notice: () => undefined };
    const publisher = new Publisher({ library, hasher, folders, tracker: tracker as never, ...own });
    const news = new Pulse();
    const onStoring = (name: string, row: StoringRow | undefined): void =>
      void (row === undefined ? bars.delete(name) : bars.set(name, row.doneBytes));
    const beat = setInterval(() => news.beat(), 1);
    const onProgress = (event: { readonly event: string }): void =>
      void (event.event === 'storing' && events.push(event as StoringEvent));
    try {
      const parts = { tracker: tracker as never, publisher, news, uploads: () => uploads(), onStoring, clock };
      return await put(parts, input, { signal, onProgress });
    } finally {
      clearInterval(beat);
    }
  }

  async function file(name: string, content = name): Promise<string> {
    await writeFile(dir.join(name), content);
    return dir.join(name);
  }

  const codes = (outcomes: readonly PutOutcome[]): string[] =>
    outcomes.map((outcome) => (outcome.ok ? outcome.depots.join() : outcome.problem.code));

  it('ends when every copy of every file is stored, with an outcome each, in order', async () => {
    const paths = [await file('a'), dir.join('missing'), await file('b')];
    tracker.answers.set('b', [[{ depot: 'attic', state: 'wanted' }], [{ depot: 'attic', state: 'stored' }]]);

    const outcomes = await run({ paths });

    expect(codes(outcomes)).to.deep.equal(['cellar', 'not-found', 'attic']);
  });

  it('leaves nothing published of what no depot takes, and goes on with the rest', async () => {
    const paths = [await file('a'), await file('b'), await file('c')];
    tracker.refuses.set('a', 'depot-full').set('b', 'quota');

    const outcomes = await run({ paths });

    expect(codes(outcomes)).to.deep.equal(['depot-full', 'too-many', 'cellar']);
    expect([...tracker.published]).to.deep.equal(['c']);
    expect([...library.entries()].map(({ name }) => name)).to.deep.equal(['c']);
    expect(outcomes[1]).to.have.nested.property('problem.message').that.contains('quota of stored bytes');
  });

  it('does not withdraw what was published before, though no depot takes it', async () => {
    const path = await file('a');
    await run({ paths: [path] });
    tracker.refuses.set('a', 'depot-full');

    await run({ paths: [path] });

    expect([...tracker.published]).to.deep.equal(['a']);
  });

  it('gives up when the only depot finds its disk full', async () => {
    tracker.answers.set('a', [[{ depot: 'cellar', state: 'wanted' }], [{ depot: 'cellar', state: 'full' }]]);

    const outcomes = await run({ paths: [await file('a')] });

    expect(codes(outcomes)).to.deep.equal(['depot-full']);
    expect(tracker.published.size).to.equal(0);
  });

  it('keeps the copy that is stored when another depot is full, and says which is', async () => {
    const copies: CopyRow[] = [
      { depot: 'attic', state: 'stored' },
      { depot: 'cellar', state: 'full' },
    ];
    tracker.answers.set('a', [copies]);

    const [outcome] = await run({ paths: [await file('a')], copies: 2 });

    expect(outcome)
      .to.have.nested.property('problem.message')
      .that.matches(/stored at attic, but the disk of cellar is full/);
    expect([...tracker.published]).to.deep.equal(['a']);
  });

  it('says so when it was withdrawn while it waited', async () => {
    tracker.answers.set('a', [[{ depot: 'cellar', state: 'wanted' }], []]);

    expect(codes(await run({ paths: [await file('a')] }))).to.deep.equal(['not-found']);
  });

  it('goes on waiting while the tracker is away', async () => {
    tracker.isAway = 3;

    expect(codes(await run({ paths: [await file('a')] }))).to.deep.equal(['cellar']);
  });

  it('tells how far it is, never backwards, counting what its depots took', async () => {
    const wanted: CopyRow[] = [{ depot: 'cellar', state: 'wanted' }];
    tracker.answers.set('a', [wanted, wanted, [{ depot: 'cellar', state: 'stored' }]]);
    const path = await file('a', 'x'.repeat(100));
    const steps = [40, 10, 60];
    uploads = () => [
      { name: 'a', user: 'cellar', sentBytes: steps.shift() ?? 0, bytesPerSecond: 0 },
      { name: 'a', user: 'bob', sentBytes: 99, bytesPerSecond: 0 },
    ];

    await run({ paths: [path] });

    expect(events.map(({ doneBytes }) => doneBytes)).to.deep.equal([40, 60, 100]);
    expect([...bars]).to.deep.equal([]);
  });

  it('says which depots it waits for when nothing moves, once, and no more when it goes on', async () => {
    const [stored, wanted] = [
      { depot: 'attic', state: 'stored' },
      { depot: 'cellar', state: 'wanted' },
    ] as const;
    tracker.answers.set('a', [...Array.from({ length: 5 }, () => [stored, wanted]), [stored]]);
    uploads = () => {
      clock.advance(5_000);
      return [];
    };

    await run({ paths: [await file('a', 'x'.repeat(100))], copies: 2 });

    expect(events.map(({ doneBytes, waitsFor }) => [doneBytes, waitsFor])).to.deep.equal([
      [50, undefined],
      [50, ['cellar']],
      [100, undefined],
    ]);
  });

  it('waits only for the depots that are named, whatever an earlier one waits for', async () => {
    const gone: CopyRow = { depot: 'cellar', state: 'wanted' };
    tracker.answers.set('a', [[gone, { depot: 'Attic', state: 'stored' }]]);

    expect(codes(await run({ paths: [await file('a')], depots: ['attic'] }))).to.deep.equal(['Attic']);
  });

  it('names the file once when no depot takes it, and says so once', async () => {
    const path = await file('a');
    tracker.refuses.set('a', 'no-depot');

    const [outcome] = await run({ paths: [path] });

    const text = rowText(putOutcome(outcome as PutOutcome));
    expect(text.match(/No depot/g)).to.have.length(1);
    expect(text.replace(path, '')).not.to.match(/\ba:/);
  });

  it('asks for what was wished: which depots, how many, and who may remove it', async () => {
    const path = await file('a');

    await run({ paths: [path], depots: ['cellar'], open: true });
    await run({ paths: [path], copies: 3, terms: { passcode: '1234' } });

    expect(tracker.puts).to.deep.equal([
      { names: ['a'], depots: ['cellar'], removal: 'open' },
      { names: ['a'], copies: 3, removal: 'passcode' },
    ]);
  });

  it('takes a folder, and says what of it is left out', async () => {
    await writeTree(dir.join('project'), { 'a.txt': 'a', 'b.txt': 'b' });
    await symlink('a.txt', dir.join('project', 'link'));

    const [outcome] = await run({ paths: [dir.join('project')] });

    expect(outcome).to.have.nested.property('publication.files', 2);
    expect(outcome).to.have.nested.property('skipped[0].path', 'link');
    await rm(dir.join('project'), { recursive: true });
  });
});
