/** What waits in the library until the tracker has it: passcodes as hashes, other names, and contents that were replaced. */
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { ProtocolError } from '../../common/protocol/errors.js';
import { systemClock } from '../../common/runtime/clock.js';
import { isPasswordOf } from '../../common/wire/password-hash.js';
import { PeerError } from '../../peer/api.js';
import { changeRights } from '../../peer/library/change-rights.js';
import { FolderIndex } from '../../peer/library/folders/folder-index.js';
import { Folders } from '../../peer/library/folders/folders.js';
import { FileHasher } from '../../peer/library/hashing/hash-file.js';
import { Library } from '../../peer/library/library.js';
import { Publisher } from '../../peer/library/publisher.js';
import { renameMine } from '../../peer/library/rename.js';
import { sharedLibrary } from '../../peer/shared-library.js';
import { type TempDir, tempDir } from '../support/temp.js';

const signal = new AbortController().signal;

interface Sent {
  readonly type: string;
  readonly body: { readonly [field: string]: unknown };
}

/** Says yes to everything, while it is there. */
class Tracker {
  isAway = false;
  /** Codes of refusals by request. */
  readonly refusals = new Map<string, string>();
  readonly sent: Sent[] = [];
  revision = 0;

  request = async (type: string, body: Sent['body']): Promise<never> => {
    this.sent.push({ type, body });
    if (this.isAway) throw new PeerError({ code: 'tracker-unreachable', message: 'away' });
    this.revision += 1;
    const items = (body['entries'] ?? body['names']) as readonly unknown[];
    const code = this.refusals.get(type);
    const publicationId = 'p'.repeat(21);
    const result =
      code === undefined
        ? { ok: true, publicationId, revision: this.revision, change: 'new', rights: 'public' }
        : { ok: false, error: { code, message: '' } };
    return { results: items.map(() => result), libraryRevision: this.revision } as never;
  };

  bodies(type: string): Sent['body'][] {
    return this.sent.filter((one) => one.type === type).map(({ body }) => body);
  }
}

describe('wishes of the library', () => {
  let dir: TempDir;
  let library: Library;
  let hasher: FileHasher;
  let folders: Folders;
  let tracker: Tracker;
  let publisher: Publisher;
  const notices: string[] = [];

  beforeEach(async () => {
    dir = await tempDir();
    library = new Library(dir.join('library.sqlite'));
    hasher = new FileHasher({ threads: 1 });
    folders = new Folders({ stateDir: dir.path, hasher, clock: systemClock });
    tracker = new Tracker();
    notices.length = 0;
    publisher = new Publisher({
      library,
      hasher,
      folders,
      tracker: tracker as never,
      user: () => 'alice',
      now: () => 0,
      onHashing: () => undefined,
      notice: (_level, text) => notices.push(text),
    });
  });
  afterEach(async () => {
    await folders.close();
    await hasher.close();
    library.close();
    await dir[Symbol.asyncDispose]();
  });

  const parts = () => ({ library, tracker: tracker as never, user: 'alice' });
  async function file(name: string, content: string): Promise<string> {
    await writeFile(dir.join(name), content);
    return dir.join(name);
  }

  it('keep the hash of a passcode while the tracker is away, not the passcode, and tell it with the publication', async () => {
    tracker.isAway = true;
    const terms = { passcode: 'open sesame', expiresAt: 5 };
    const [away] = await publisher.publish({ paths: [await file('a.txt', 'a')], terms }, { signal });
    const [again] = await publisher.publish({ paths: [dir.join('a.txt')], terms: { expiresAt: 6 } }, { signal });
    tracker.isAway = false;

    await publisher.sync('all', { signal });

    expect([away?.ok, again?.ok]).to.deep.equal([false, false]);
    const sent = tracker.bodies('publish').at(-1)?.['terms'] as { passcodeHash: string; expiresAt: number };
    expect(sent.expiresAt).to.equal(6);
    expect(await isPasswordOf('open sesame', sent.passcodeHash)).to.equal(true);
    for (const name of ['library.sqlite', 'library.sqlite-wal'])
      expect((await readFile(dir.join(name))).includes('open sesame'), name).to.equal(false);
    expect(library.byName('a.txt')).to.not.have.property('wishedTerms');
  });

  it('are told again, the newest of each, to a tracker that has forgotten them', async () => {
    const limited = { users: ['bob'], groups: [] };
    const paths = [await file('a.txt', 'a'), await file('b.txt', 'b'), await file('open.txt', 'o')];
    await publisher.publish({ paths: paths.slice(0, 1), rights: 'public', terms: { expiresAt: 5 } }, { signal });
    await publisher.publish({ paths: paths.slice(1, 2), rights: limited }, { signal });
    await publisher.publish({ paths: paths.slice(2) }, { signal });
    await changeRights({ selectors: ['a.txt'], rights: limited }, parts(), { signal });
    await changeRights({ selectors: ['a.txt'], terms: { passcode: 'open sesame' } }, parts(), { signal });
    tracker.sent.length = 0;

    await publisher.sync('all', { signal });
    const usual = tracker.bodies('publish');
    tracker.sent.length = 0;
    library.wishKnown();
    expect(library.hasUnsettled()).to.equal(true);
    await publisher.sync('all', { signal });

    expect(usual.map(({ rights, terms }) => [rights, terms])).to.deep.equal([[undefined, undefined]]);
    const told = new Map(
      tracker
        .bodies('publish')
        .flatMap(({ entries, rights, terms }) =>
          (entries as { name: string }[]).map(({ name }) => [name, { rights, terms }] as const),
        ),
    );
    expect(told.get('a.txt')?.rights).to.deep.equal(limited);
    expect(told.get('a.txt')?.terms).to.include({ expiresAt: 5 }).and.to.have.property('passcodeHash');
    expect(told.get('b.txt')).to.deep.equal({ rights: limited, terms: undefined });
    expect(told.get('open.txt')).to.deep.equal({ rights: undefined, terms: undefined });
    expect(library.hasUnsettled()).to.equal(false);
  });

  it('make the same lock of the same passcode, also of one given with pub, and another of another', async () => {
    const lock = (passcode: string) => changeRights({ selectors: ['a.txt'], terms: { passcode } }, parts(), { signal });
    await publisher.publish({ paths: [await file('a.txt', 'a')], terms: { passcode: 'open sesame' } }, { signal });
    for (const passcode of ['open sesame', 'open barley']) await lock(passcode);

    const sent = [...tracker.bodies('publish'), ...tracker.bodies('rights')];
    const [first, same, other] = sent.map(({ terms }) => (terms as { passcodeHash: string }).passcodeHash);
    expect(same).to.equal(first);
    expect(other).not.to.equal(first);
    expect(await isPasswordOf('open barley', other ?? '')).to.equal(true);
  });

  it('show no passcode in the outcome of rights', async () => {
    const input = { selectors: ['a.txt'], terms: { passcode: 'open sesame' } };

    const outcomes = await changeRights(input, parts(), { signal });

    expect(outcomes).to.deep.equal([{ ok: true, selector: 'a.txt', name: 'a.txt', terms: { locked: true } }]);
  });

  it('are not taken for told when they came while something else was being told', async () => {
    const limited = { users: ['bob'], groups: [] };
    const path = await file('a.txt', 'a');
    await publisher.publish({ paths: [path] }, { signal });
    const request = tracker.request;
    tracker.request = async (type, body) => {
      tracker.request = request;
      const reply = await request(type, body);
      tracker.isAway = true;
      await publisher.publish({ paths: [path], rights: limited }, { signal });
      tracker.isAway = false;
      return reply;
    };
    await publisher.sync('all', { signal });
    tracker.sent.length = 0;

    await publisher.sync('unsettled', { signal });

    expect(tracker.bodies('publish').map(({ rights }) => rights)).to.deep.equal([limited]);
    expect(library.hasUnsettled()).to.equal(false);
  });

  it('give way to rights and terms that the tracker has acknowledged since; the others are still told', async () => {
    const [carol, bob] = ['carol', 'bob'].map((user) => ({ users: [user], groups: [] }));
    const path = await file('a.txt', 'a');
    await publisher.publish({ paths: [path] }, { signal });
    tracker.isAway = true;
    const terms = { expiresAt: 5, maxDownloads: 1 };
    await publisher.publish({ paths: [path], rights: carol!, terms }, { signal });
    tracker.isAway = false;
    await changeRights({ selectors: ['a.txt'], rights: bob!, terms: { expiresAt: 6 } }, parts(), { signal });
    tracker.sent.length = 0;

    await publisher.sync('unsettled', { signal });

    const told = tracker.bodies('publish').map((body) => [body['rights'], body['terms']]);
    expect(told).to.deep.equal([[undefined, { maxDownloads: 1 }]]);
  });

  it('are still told when the file was only touched before the tracker was back', async () => {
    const limited = { users: ['bob'], groups: [] };
    const path = await file('a.txt', 'a');
    await publisher.publish({ paths: [path] }, { signal });
    tracker.isAway = true;
    await publisher.publish({ paths: [path], rights: limited }, { signal });
    await utimes(path, 1, 1);
    await publisher.refresh(library.byName('a.txt')?.publicationId ?? '', { signal });
    tracker.isAway = false;
    tracker.sent.length = 0;

    await publisher.sync('unsettled', { signal });

    expect(tracker.bodies('publish').map(({ rights }) => rights)).to.deep.equal([limited]);
  });

  it('rename when the tracker is back, and once, though its reply was lost', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'a')] }, { signal });
    tracker.isAway = true;
    const error = await renameMine({ selector: 'a.txt', name: 'b.txt' }, parts(), { signal }).catch((e: unknown) => e);
    const [taken] = await publisher.publish({ paths: [await file('b.txt', 'b')] }, { signal });
    tracker.isAway = false;

    await publisher.sync('all', { signal });

    expect(error).to.have.property('code', 'tracker-unreachable');
    expect(taken).to.have.nested.property('problem.code', 'name-taken');
    expect([library.byName('a.txt'), library.byName('b.txt')?.path]).to.deep.equal([undefined, dir.join('a.txt')]);
    expect(tracker.bodies('publish').at(-1)?.['entries']).to.have.nested.property('[0].name', 'b.txt');
  });

  for (const kind of ['file', 'folder']) {
    it(`for whom there is nobody are dropped when the tracker says so: a ${kind} stays published as it was`, async () => {
      const paths = [kind === 'file' ? await file('a', 'a') : dir.join('a')];
      if (kind === 'folder') await mkdir(dir.join('a', 'b'), { recursive: true });
      await publisher.publish({ paths }, { signal });
      const before = library.byName('a');
      tracker.refusals.set('publish', 'unknown-name');

      const wish = { rights: { users: ['nobody'], groups: [] }, terms: { expiresAt: 5 } };
      const [refused] = await publisher.publish({ paths, ...wish }, { signal });
      tracker.refusals.clear();
      const after = library.byName('a');
      const [again] = await publisher.publish({ paths }, { signal });

      expect(refused)
        .to.have.nested.property('problem.message')
        .that.matches(/^There is no user/);
      expect(after).to.include({ state: 'published' }).and.to.deep.equal(before);
      expect(again?.ok).to.equal(true);
      expect(tracker.bodies('publish').at(-1)).to.not.have.any.keys('rights', 'terms');
    });
  }

  it('that are refused with a new content are kept: it is not for those who had the old one', async () => {
    const path = await file('a.txt', 'old');
    await publisher.publish({ paths: [path] }, { signal });
    await writeFile(path, 'new content');
    tracker.refusals.set('publish', 'unknown-name');

    await publisher.publish({ paths: [path], rights: { users: ['nobody'], groups: [] } }, { signal });

    expect(library.byName('a.txt')?.wishedRights).to.deep.equal({ users: ['nobody'], groups: [] });
  });

  it('of a name that is refused are dropped, and it is said', async () => {
    await publisher.publish({ paths: [await file('a.txt', 'a'), await file('c.txt', 'c')] }, { signal });
    tracker.refusals.set('rename', 'name-taken');

    const error = await renameMine({ selector: 'a.txt', name: 'b.txt' }, parts(), { signal }).catch((e: unknown) => e);
    const own = await renameMine({ selector: 'a.txt', name: 'c.txt' }, parts(), { signal }).catch((e: unknown) => e);

    expect([error, own].map((e) => (e as PeerError).code)).to.deep.equal(['name-taken', 'name-taken']);
    expect(library.hasUnsettled()).to.equal(false);
    expect(library.byName('a.txt')).to.not.equal(undefined);
  });

  it('leave a replaced content to who began with it, with its own hashes, until the publication is withdrawn', async () => {
    const [first] = await publisher.publish({ paths: [await file('a.txt', 'old content')] }, { signal });
    const old = first?.ok === true ? first.publication : undefined;
    await publisher.publish({ paths: [await file('next.txt', 'new')], as: 'a.txt', replace: true }, { signal });
    const shared = sharedLibrary(library, new FolderIndex(dir.path));
    const find = () => shared.find(old?.publicationId ?? '', old?.fileId ?? '');

    const found = find();
    const manifest = await found?.manifest();
    library.withdraw('a.txt');
    library.forget('a.txt');

    expect(found).to.include({ path: dir.join('a.txt'), size: 11, isFormer: true });
    expect(manifest?.hashes).to.have.length(32);
    expect(() => found?.manifest())
      .to.throw(ProtocolError)
      .with.property('code', 'gone');
    expect(find()).to.equal(undefined);
  });
});
