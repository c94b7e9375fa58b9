import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { systemClock } from '../../common/runtime/clock.js';
import { Folders } from '../../peer/library/folders/folders.js';
import { FileHasher } from '../../peer/library/hashing/hash-file.js';
import { Library } from '../../peer/library/library.js';
import { Publisher } from '../../peer/library/publisher.js';
import { hastyClock } from '../support/hasty-clock.js';
import { type TempDir, tempDir } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { TrackerModel, unreachable } from './tracker-model.js';

describe('Publisher', () => {
  const signal = new AbortController().signal;
  let dir: TempDir;
  let library: Library;
  let hasher: FileHasher;
  let folders: Folders;
  let tracker: TrackerModel;
  let notices: string[];
  let hashed: string[];
  let publisher: Publisher;

  beforeEach(async () => {
    dir = await tempDir();
    library = new Library(dir.join('library.sqlite'));
    hasher = new FileHasher({ threads: 1 });
    folders = new Folders({ stateDir: dir.path, hasher, clock: systemClock });
    tracker = new TrackerModel();
    notices = [];
    hashed = [];
    publisher = makePublisher();
  });

  afterEach(async () => {
    await folders.close();
    await hasher.close();
    library.close();
    await dir[Symbol.asyncDispose]();
  });

  function makePublisher(): Publisher {
    return new Publisher({
      library,
      hasher,
      folders,
      tracker: tracker as never,
      user: () => 'alice',
      now: () => 0,
      onHashing: (path, done) => done === undefined && hashed.push(path),
      notice: (_level, text) => notices.push(text),
      clock: hastyClock,
    });
  }

  async function file(name: string, content: string): Promise<string> {
    await writeFile(dir.join(name), content);
    return dir.join(name);
  }

  it('publishes several files with an outcome each, in order, though one of them fails', async () => {
    const paths = [await file('a.txt', 'a'), dir.join('missing.txt'), await file('b.txt', 'b')];

    const outcomes = await publisher.publish({ paths }, { signal });

    expect(outcomes.map((outcome) => (outcome.ok ? outcome.change : outcome.problem.code))).to.deep.equal([
      'new',
      'not-found',
      'new',
    ]);
    expect([...tracker.byName.keys()].sort()).to.deep.equal(['a.txt', 'b.txt']);
  });

  it('does not hash an unchanged file twice', async () => {
    const path = await file('a.txt', 'a');

    await publisher.publish({ paths: [path] }, { signal });
    const [outcome] = await publisher.publish({ paths: [path] }, { signal });

    expect(outcome).to.include({ ok: true, change: 'unchanged' });
    expect(hashed).to.deep.equal([path]);
  });

  it('does not hash a file again that was moved or renamed', async () => {
    const path = await file('a.txt', 'a');
    await publisher.publish({ paths: [path] }, { signal });
    await rename(path, dir.join('b.txt'));

    const [outcome] = await publisher.publish({ paths: [dir.join('b.txt')] }, { signal });

    expect(outcome).to.include({ ok: true, change: 'new' });
    expect(tracker.byName.get('b.txt')?.fileId).to.equal(tracker.byName.get('a.txt')?.fileId);
    expect(hashed).to.deep.equal([path]);
  });

  it('replaces the content of the same path, as the next revision', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'old')] }, { signal });

    const [outcome] = await publisher.publish({ paths: [await file('a.txt', 'new content')] }, { signal });

    expect(outcome).to.include({ ok: true, change: 'replaced' });
    expect(tracker.byName.get('a.txt')?.revision).to.equal(2);
  });

  it('refuses a used name for another path, until --as or --replace', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'one')] }, { signal });
    const other = await file('other.txt', 'two');

    const [refused] = await publisher.publish({ paths: [other], as: 'a.txt' }, { signal });
    const [taken] = await publisher.publish({ paths: [other], as: 'a.txt', replace: true }, { signal });

    expect(refused).to.have.nested.property('problem.code', 'name-taken');
    expect(taken).to.include({ ok: true, change: 'replaced' });
  });

  it('takes the same content from another path as unchanged', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'same')] }, { signal });

    const [outcome] = await publisher.publish({ paths: [await file('copy.txt', 'same')], as: 'a.txt' }, { signal });

    expect(outcome).to.include({ ok: true, change: 'unchanged' });
  });

  for (const cut of ['before', 'after'] as const) {
    it(`settles a publication whose request was cut ${cut} the tracker applied it, at the next sync`, async () => {
      tracker.cut = cut;
      const [outcome] = await publisher.publish({ paths: [await file('a.txt', 'a')] }, { signal });
      tracker.cut = 'never';

      await publisher.sync('all', { signal });

      expect(outcome).to.have.nested.property('problem.code', 'tracker-unreachable');
      expect(tracker.byName.get('a.txt')?.revision).to.equal(1);
      expect(library.hasUnsettled()).to.equal(false);
    });

    it(`does not revive a publication whose withdrawal was cut ${cut} the tracker applied it`, async () => {
      await publisher.publish({ paths: [await file('a.txt', 'a')] }, { signal });
      tracker.cut = cut;
      await publisher.withdraw(['a.txt'], { signal });
      tracker.cut = 'never';

      await publisher.sync('all', { signal });

      expect([...tracker.byName.keys()]).to.deep.equal([]);
      expect([...library.entries()]).to.deep.equal([]);
    });
  }

  it('tells first what the tracker cannot know, then what was published last', async () => {
    for (const name of ['b.txt', 'a.txt', 'c.txt'])
      await publisher.publish({ paths: [await file(name, name)] }, { signal });
    await publisher.publish({ paths: [await file('b.txt', 'other content')] }, { signal });
    tracker.cut = 'before';
    await publisher.publish({ paths: [await file('a.txt', 'pending')] }, { signal });
    tracker.cut = 'never';
    tracker.told.length = 0;

    await publisher.sync('all', { signal });

    expect(tracker.told).to.deep.equal([['a.txt'], ['b.txt', 'c.txt']]);
  });

  it('tells nothing but what is unsettled where the tracker knows the rest', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'a'), await file('b.txt', 'b')] }, { signal });
    tracker.cut = 'after';
    await publisher.publish({ paths: [await file('a.txt', 'pending')] }, { signal });
    tracker.cut = 'never';
    tracker.told.length = 0;

    await publisher.sync('unsettled', { signal });

    expect(tracker.told).to.deep.equal([['a.txt']]);
    expect(library.hasUnsettled()).to.equal(false);
  });

  it('tells a new session everything though what it was telling the one before failed', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'a')] }, { signal });
    tracker.told.length = 0;
    const request = tracker.request;
    tracker.request = async () => {
      tracker.request = request;
      publisher.syncSoon('all', { signal });
      throw unreachable();
    };

    publisher.syncSoon('all', { signal });
    await waitFor(() => tracker.told.length > 0);

    expect(tracker.told).to.deep.equal([['a.txt']]);
    expect(notices).to.have.length(1);
  });

  it('tells a tracker that cannot take it for a while later by itself, with one notice however often it fails', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'a')] }, { signal });
    tracker.told.length = 0;
    const request = tracker.request;
    let failures = 0;
    tracker.request = async () => {
      failures += 1;
      if (failures === 2) tracker.request = request;
      throw unreachable();
    };

    publisher.syncSoon('all', { signal });
    await waitFor(() => tracker.told.length > 0);

    expect(tracker.told).to.deep.equal([['a.txt']]);
    expect([failures, notices.length]).to.deep.equal([2, 1]);
  });

  it('refuses the second of two files of one command that have one name', async () => {
    await mkdir(dir.join('other'));
    const paths = [await file('a.txt', 'a'), await file('other/a.txt', 'another'), await file('b.txt', 'b')];

    const outcomes = await publisher.publish({ paths }, { signal });

    expect(outcomes.map((outcome) => (outcome.ok ? outcome.change : outcome.problem.code))).to.deep.equal([
      'new',
      'name-taken',
      'new',
    ]);
    expect(library.byName('a.txt')?.path).to.equal(paths[0]);
  });

  it('gives way, with a notice, to other content that another device published meanwhile', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'mine')] }, { signal });
    tracker.byName.set('a.txt', { fileId: 'f'.repeat(64), revision: 2 });

    await publisher.sync('all', { signal });

    expect(tracker.byName.get('a.txt')?.revision).to.equal(2);
    expect(library.byName('a.txt')).to.equal(undefined);
    expect(notices.join()).to.include('another device');
  });

  it('publishes a changed file again when the upload side reports it', async () => {
    const path = await file('a.txt', 'old');
    await publisher.publish({ paths: [path] }, { signal });
    await writeFile(dir.join('new'), 'new content');
    await rename(dir.join('new'), path);

    await publisher.refresh(library.byName('a.txt')?.publicationId ?? '', { signal });

    expect(tracker.byName.get('a.txt')?.revision).to.equal(2);
    expect(notices.join()).to.include('changed on disk');
  });

  for (const kind of ['file', 'folder']) {
    it(`does not say that a changed ${kind} was published again while the tracker is away`, async () => {
      const folder = dir.join('a');
      const path = kind === 'file' ? folder : dir.join('a', 'inside');
      if (kind === 'folder') await mkdir(folder);
      await writeFile(path, 'old');
      await publisher.publish({ paths: [folder] }, { signal });
      await writeFile(path, 'new content');
      tracker.cut = 'before';
      notices.length = 0;

      await publisher.refresh(library.byName('a')?.publicationId ?? '', { signal });

      expect(notices).to.deep.equal([
        'a has changed on disk and is not published again yet: Tracker not responding. What was hashed is kept and published when the tracker is back.',
      ]);
    });
  }

  it('says what to do about a file that vanished', async () => {
    const path = await file('a.txt', 'old');
    await publisher.publish({ paths: [path] }, { signal });
    await rm(path);

    await publisher.refresh(library.byName('a.txt')?.publicationId ?? '', { signal });

    expect(notices.join()).to.include('unp a.txt');
  });

  it('tells of a refresh that fails because its own disk is full, and goes on', async () => {
    const path = await file('a.txt', 'old');
    await publisher.publish({ paths: [path] }, { signal });
    await writeFile(path, 'new content');
    library.put = () => {
      throw Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR' });
    };

    await publisher.refresh(library.byName('a.txt')?.publicationId ?? '', { signal });

    expect(notices.join()).to.include('a.txt cannot be served: database or disk is full');
  });

  it('keeps what was published again before the reply to its withdrawal came', async () => {
    const path = await file('a.txt', 'a');
    await publisher.publish({ paths: [path] }, { signal });
    const request = tracker.request;
    tracker.request = async (type, body) => {
      const reply = await request(type, body);
      if (type === 'unpublish') await publisher.publish({ paths: [path] }, { signal });
      return reply;
    };

    await publisher.withdraw(['a.txt'], { signal });

    expect(tracker.byName.has('a.txt')).to.equal(true);
    expect(library.byName('a.txt')?.state).to.equal('published');
  });

  it('still has to tell what was published or withdrawn while the tracker was told of something earlier', async () => {
    const paths = [await file('a.txt', 'a'), await file('b.txt', 'b')];
    await publisher.publish({ paths }, { signal });
    const request = tracker.request;
    tracker.request = async (type, body) => {
      tracker.request = request;
      const reply = await request(type, body);
      tracker.cut = 'before';
      await publisher.publish({ paths: [await file('a.txt', 'new')] }, { signal });
      await publisher.withdraw(['b.txt'], { signal });
      tracker.cut = 'never';
      return reply;
    };

    await publisher.sync('all', { signal });
    const afterwards = ['a.txt', 'b.txt'].map((name) => library.byName(name)?.state);
    await publisher.sync('unsettled', { signal });

    expect(afterwards).to.deep.equal(['pending', 'withdrawing']);
    expect(tracker.byName.get('a.txt')?.fileId).to.equal(library.byName('a.txt')?.fileId);
    expect(tracker.byName.has('b.txt')).to.equal(false);
    expect(library.hasUnsettled()).to.equal(false);
  });

  it('records each answer with what it was the answer to, though something was removed meanwhile', async () => {
    const paths = await Promise.all(['a.txt', 'b.txt', 'c.txt'].map((name) => file(name, name)));
    tracker.cut = 'before';
    await publisher.publish({ paths: paths.slice(0, 1), rights: { users: ['bob'], groups: [] } }, { signal });
    tracker.cut = 'never';
    const request = tracker.request;
    tracker.request = (type, body) => {
      library.remove('b.txt');
      return request(type, body);
    };

    const outcomes = await publisher.publish({ paths }, { signal });

    expect(outcomes.map(({ ok }) => ok)).to.deep.equal([true, false, true]);
    expect(library.byName('c.txt')?.publicationId).to.match(/^publication-of-c/);
  });

  it('keeps its library over a restart', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'a')] }, { signal });
    const before = library.byName('a.txt');
    library.close();

    library = new Library(dir.join('library.sqlite'));

    expect(library.byName('a.txt')).to.deep.equal(before);
    expect(library.revision).to.equal(1);
  });

  it('refuses names that the rules forbid, and says how to go on', async () => {
    const [outcome] = await publisher.publish({ paths: [await file('a.txt', 'a')], as: '..' }, { signal });

    expect(outcome).to.have.nested.property('problem.code', 'bad-name');
    expect(outcome).to.have.nested.property('problem.message').that.includes('--as');
  });

  it('answers a withdrawal of something unknown with not-found', async () => {
    const [outcome] = await publisher.withdraw(['nothing'], { signal });

    expect(outcome).to.have.nested.property('problem.code', 'not-found');
  });
});
