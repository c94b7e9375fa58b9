import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SharedFile, SharedFiles } from '../../peer/upload/shared-file.js';
import { seededBytes } from '../support/temp.js';
import { waitFor } from '../support/wait-for.js';
import { problemOf } from './expect-problem.js';
import { FolderHome, folderRequest, handmade, readTree, writeTree } from './folder-fixture.js';
import { type Publication, type Reader, type TestPeer, World } from './swarm-fixture.js';

const CHUNK = 256 * 1024;
const PUBLICATION = 'folder-of-alice______';
const forever = { signal: new AbortController().signal };
/** For machines that do much else. */
const PATIENT = { timeoutMs: 50_000 };
const LARGE = seededBytes(5 * CHUNK + 9, 7);

describe('Download of a folder', () => {
  let world: World;
  let home: FolderHome;
  let root: string;
  let published: Publication;
  let alice: TestPeer;
  let bob: Reader;
  let publications: Publication[];

  beforeEach(async () => {
    world = await World.open();
    home = await FolderHome.open(world, 'alice');
    root = world.dir.join('photos');
    await writeTree(root, { 'a.txt': 'one', 'run.sh': '#!', 'b/c.txt': 'two', 'b/empty': '', 'b/d/large.bin': LARGE });
    await mkdir(join(root, 'nothing'));
    await chmod(join(root, 'run.sh'), 0o755);
    published = await home.publish(root, PUBLICATION);
    publications = [published];
    alice = await world.peer('alice', [], { files: home.files });
    world.list(published, alice.offer());
    bob = await reader('bob');
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** Publishes what is in the folder now, as another revision. */
  async function publishAnew(): Promise<void> {
    published = await home.publish(root, PUBLICATION);
    publications.splice(0, 1, published);
  }

  async function reader(user: string, isSharing = false): Promise<Reader> {
    const local = await FolderHome.open(world, user);
    const identity = await world.identity(user);
    const tracker = world.trackerPort(publications, identity.pin, user);
    const latest = async (): Promise<{ fileId: string; size: number } | undefined> => publications[0];
    return world.downloads(user, publications, { folders: local.local, tracker: { ...tracker, latest }, isSharing });
  }

  const target = (name = 'photos'): string => join(bob.folder, name);

  it('rebuilds it whole: contents, executable bits, empty files and directories', async () => {
    const row = await bob.downloads.get(folderRequest(published, bob.folder), forever);

    expect(await readTree(target())).to.deep.equal(await readTree(root));
    expect(readdirSync(join(target(), 'nothing'))).to.deep.equal([]);
    expect(row).to.deep.include({ state: 'done', files: { done: 5, total: 5 }, sizeBytes: 8 + LARGE.length });
    expect(readdirSync(bob.folder), 'nothing is left beside it').to.deep.equal(['photos']);
    expect((await stat(target())).mode & 0o777).to.equal(0o777 & ~process.umask());
  });

  it('fetches one file, a directory, or what fits a pattern', async () => {
    const get = (inside: string, fileName: string): Promise<unknown> =>
      bob.downloads.get(folderRequest(published, bob.folder, { inside, fileName }), forever);
    await get('b/d/large.bin', 'large.bin');
    await get('run.sh', 'run.sh');
    await get('b', 'b');
    await get('**/*.txt', 'texts');

    expect([...(await readTree(bob.folder)).keys()]).to.deep.equal([
      'b/c.txt',
      'b/d/large.bin',
      'b/empty',
      'large.bin',
      'run.sh',
      'texts/a.txt',
      'texts/b/c.txt',
    ]);
    expect((await stat(target('run.sh'))).mode & 0o100).to.equal(0o100);
    expect((await problemOf(get('b/nope', 'nope'))).code).to.equal('not-found');
    expect(existsSync(target('nope'))).to.equal(false);
  });

  it('touches nothing that is there, whatever it is', async () => {
    const taken: [name: string, make: (path: string) => Promise<unknown>][] = [
      ['a folder', (path) => writeTree(path, { 'mine.txt': 'mine' })],
      ['a file', (path) => writeFile(path, 'mine')],
      ['a link', (path) => symlink(world.dir.path, path)],
      ['a dangling link', (path) => symlink('/nowhere', path)],
    ];
    for (const [fileName, make] of taken) {
      await make(target(fileName));

      const problem = await problemOf(bob.downloads.get(folderRequest(published, bob.folder, { fileName }), forever));

      expect(problem.code, fileName).to.equal('exists');
    }
    expect(readdirSync(bob.folder).sort()).to.deep.equal(['a dangling link', 'a file', 'a folder', 'a link']);
    expect([...(await readTree(target('a folder'))).keys()]).to.deep.equal(['mine.txt']);
    const file = await problemOf(
      bob.downloads.get(folderRequest(published, bob.folder, { inside: 'a.txt', fileName: 'a file' }), forever),
    );
    expect(file.code).to.equal('exists');
  });

  it('brings a folder up to date with --force: only what changed is fetched, and of a large file only its new chunks', async () => {
    await bob.downloads.get(folderRequest(published, bob.folder), forever);
    await writeFile(join(target(), 'mine.txt'), 'mine');
    const changed = Buffer.from(LARGE);
    changed.fill(7, 2 * CHUNK, 2 * CHUNK + 10);
    await writeTree(root, { 'a.txt': 'uno', 'b/d/large.bin': changed, 'new/x.txt': 'new' });
    await rename(join(root, 'b/c.txt'), join(root, 'b/renamed.txt'));
    await chmod(join(root, 'run.sh'), 0o644);
    await publishAnew();

    const row = await bob.downloads.get(folderRequest(published, bob.folder, { force: true }), forever);

    const wanted = new Map([...(await readTree(root)), ...(await readTree(target()))].sort());
    expect(await readTree(target())).to.deep.equal(wanted);
    expect([...wanted.keys()]).to.include.members(['mine.txt', 'b/c.txt', 'b/renamed.txt']);
    expect(row.receivedBytes).to.equal(CHUNK + 'uno'.length + 'new'.length + published.size);
    expect(readdirSync(bob.folder)).to.deep.equal(['photos']);
    expect(row.unlisted, 'what is not replaced').to.deep.equal({ count: 2, paths: ['b/c.txt', 'mine.txt'] });
  });

  it('never follows a link that somebody put into the folder that is brought up to date', async () => {
    await bob.downloads.get(folderRequest(published, bob.folder), forever);
    await rm(join(target(), 'b'), { recursive: true });
    await mkdir(world.dir.join('outside'));
    await symlink(world.dir.join('outside'), join(target(), 'b'));

    const problem = await problemOf(bob.downloads.get(folderRequest(published, bob.folder, { force: true }), forever));

    expect(problem.code).to.equal('exists');
    expect(problem.message, 'it was given').to.not.contain('--force');
    expect(readdirSync(world.dir.join('outside'))).to.deep.equal([]);
  });

  it('goes on with another source when one dies, and takes from both', async () => {
    const copy = world.dir.join('copy/photos');
    const tree = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`${n}.bin`, seededBytes(200_000, n)]));
    for (const place of [copy, root]) await writeTree(place, tree);
    for (const path of ['a.txt', 'run.sh', 'b', 'nothing']) await rm(join(root, path), { recursive: true });
    await publishAnew();
    const other = await FolderHome.open(world, 'carol');
    const twin = await other.publish(copy, PUBLICATION);
    expect(twin.fileId).to.equal(published.fileId);
    const carol = await world.peer('carol', [], { files: other.files, uploadLimitBytesPerSecond: 6_000_000 });
    const dave = await world.peer('dave', [], { files: home.files, uploadLimitBytesPerSecond: 6_000_000 });
    world.sources.set(PUBLICATION, [carol.offer(), dave.offer()]);

    const getting = bob.downloads.get(folderRequest(published, bob.folder), {
      ...forever,
      onProgress: ({ doneBytes }) => {
        if (doneBytes > 4_000_000) void carol.stop();
      },
    });
    const row = await getting;

    expect(await readTree(target())).to.deep.equal(await readTree(root));
    expect(row.sources.map(({ verifiedBytes }) => verifiedBytes > 0)).to.deep.equal([true, true]);
  });

  /** A folder of 40 small files and a large one; its publisher sends half of the small ones, and the rest after `open`. */
  async function publishMany(): Promise<{ open: () => void }> {
    for (const path of ['a.txt', 'run.sh', 'b', 'nothing']) await rm(join(root, path), { recursive: true });
    await writeTree(root, { 'large.bin': LARGE, ...smallFiles });
    await publishAnew();
    const gate = Promise.withResolvers<void>();
    const sent = new Set(Object.keys(smallFiles).toSorted().slice(0, 20));
    const isSent = (id: string): boolean => home.index.find(root, id).some(({ path }) => sent.has(path));
    const find: SharedFiles['find'] = (...key) => {
      const shared = home.files.find(...key);
      const folder = shared?.folder;
      if (folder === undefined) return shared;
      const readFiles: typeof folder.readFiles = async (ids) => {
        if (!ids.every(isSent)) await gate.promise;
        return folder.readFiles(ids);
      };
      return { ...shared, folder: { find: folder.find, readFiles } } as SharedFile;
    };
    const publisher = await world.peer('publisher', [], { files: { find, findFile: () => undefined } });
    world.sources.set(PUBLICATION, [publisher.offer()]);
    return { open: gate.resolve };
  }
  const smallFiles = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`${n}.bin`, seededBytes(200_000, n)] as const),
  );
  const holding = (user: Reader): number => {
    const entries = user.downloads.shared.find(PUBLICATION, published.fileId)?.folder?.entries?.() ?? [];
    return entries.reduce((sum, [from, to]) => sum + to - from, 0);
  };

  it('serves the files that have come to others while it fetches the rest', async () => {
    const publisher = await publishMany();
    const carol = await reader('carol', true);
    const port = await world.peer('carol', [], { files: carol.downloads.shared });
    const getting = carol.downloads.get(folderRequest(published, carol.folder), forever);
    getting.catch(() => undefined); // It is awaited below, unless something else fails first.
    await waitFor(() => world.holds.includes('part') && holding(carol) > 10, PATIENT);
    world.list(published, { ...port.offer(), has: 'part' });
    const fetching = bob.downloads.get(folderRequest(published, bob.folder), forever);
    await waitFor(() => (bob.downloads.rows()[0]?.files?.done ?? 0) > 10, { what: 'files that carol has', ...PATIENT });
    publisher.open();

    const [, row] = await Promise.all([getting, fetching]);

    expect(await readTree(target())).to.deep.equal(await readTree(root));
    expect(row.sources.find(({ user }) => user === 'carol')?.verifiedBytes).to.be.at.least(2_000_000);
    await waitFor(() => world.holds.at(-1) === 'none', PATIENT);
  });

  it('passes chunks of a large file on while that is still coming', async () => {
    await rm(root, { recursive: true });
    await writeTree(root, { 'large.bin': seededBytes(12 * CHUNK, 8) });
    await publishAnew();
    const slow = await world.peer('publisher', [], { files: home.files, uploadLimitBytesPerSecond: 700_000 });
    world.sources.set(PUBLICATION, [slow.offer()]);
    const carol = await reader('carol', true);
    const port = await world.peer('carol', [], { files: carol.downloads.shared });
    const getting = carol.downloads.get(folderRequest(published, carol.folder), forever);
    getting.catch(() => undefined); // It is awaited below, unless something else fails first.
    await waitFor(() => (carol.downloads.rows()[0]?.doneBytes ?? 0) >= 2 * CHUNK, PATIENT);
    world.list(published, { ...port.offer(), has: 'part' });

    const fetching = bob.downloads.get(folderRequest(published, bob.folder), forever);
    const fromCarol = (): number =>
      bob.downloads.rows()[0]?.sources.find(({ user }) => user === 'carol')?.verifiedBytes ?? 0;
    await waitFor(() => fromCarol() >= 2 * CHUNK, { what: 'chunks that carol has', ...PATIENT });

    expect(carol.downloads.rows()[0]?.files?.done, 'it is not whole there').to.equal(0);
    await Promise.all([getting, fetching]);
    for (const { folder } of [bob, carol])
      expect(await readTree(join(folder, 'photos'))).to.deep.equal(await readTree(root));
  });

  it('offers nobody what was on its disk before: who merely knows an id could fetch it that way', async () => {
    const publisher = await publishMany();
    const carol = await reader('carol', true);
    const nearlyLarge = Buffer.from(LARGE).fill(7, 0, CHUNK + 1); // Only its first two chunks are fetched.
    await writeTree(join(carol.folder, 'photos'), {
      'mine/0.bin': smallFiles['0.bin'] ?? '',
      'large.bin': nearlyLarge,
    });
    const request = folderRequest(published, carol.folder, { force: true });

    const getting = carol.downloads.get(request, forever);
    await waitFor(
      () => holding(carol) > 0 && (carol.downloads.rows()[0]?.resumedBytes ?? 0) >= LARGE.length - 2 * CHUNK + 200_000,
      PATIENT,
    );
    const { folder } = carol.downloads.shared.find(PUBLICATION, published.fileId) ?? {};
    const before = folder?.entries?.().flat() ?? [];
    const chunks: number[] = [];
    folder?.onChunk?.((index) => chunks.push(index));
    publisher.open();
    await getting;

    // In the order of the listing `0.bin` comes first and `large.bin` last.
    expect(before).to.not.include.members([0]);
    expect(before.at(-1)).to.be.at.most(40);
    expect(chunks).to.deep.equal([]);
    expect(holding(carol), 'it is over').to.equal(0);
  });

  it('goes on with what an earlier run left, and fetches nothing of it again', async () => {
    await bob.downloads.get(folderRequest(published, bob.folder, { fileName: 'first' }), forever);
    const part = join(bob.folder, `.photos.${PUBLICATION.slice(0, 16)}.part`);
    await mkdir(join(part, 'files/b'), { recursive: true });
    await chmod(part, 0o700);
    await writeTree(join(part, 'files'), {
      'a.txt': 'one',
      'b/c.txt': 'bad',
      'b/d/large.bin': LARGE.subarray(0, 3 * CHUNK),
    });

    const row = await bob.downloads.get(folderRequest(published, bob.folder), forever);

    expect(await readTree(target())).to.deep.equal(await readTree(root));
    expect(row.receivedBytes).to.equal(LARGE.length - 3 * CHUNK + 'two#!'.length + published.size);
    expect(row.resumedBytes).to.equal(3 * CHUNK + 'one'.length);
  });

  it('follows its publisher to a new revision while it runs', async () => {
    await writeFile(join(root, 'a.txt'), 'changed since it was published');
    const getting = bob.downloads.get(folderRequest(published, bob.folder), forever);
    await publishAnew();

    await getting;

    expect(await readTree(target())).to.deep.equal(await readTree(root));
  });

  /** Bob has fetched all but one file, which was changed after it was published, and waits for that. */
  async function allBut(path: string): Promise<{ readonly done: ReturnType<Reader['downloads']['get']> }> {
    await publishAnew();
    const count = (await readTree(root)).size;
    await writeFile(join(root, path), seededBytes(200_000, 99));
    const done = bob.downloads.get(folderRequest(published, bob.folder), forever);
    done.catch(() => undefined); // It is awaited later, unless something else fails first.
    await waitFor(() => bob.downloads.rows()[0]?.files?.done === count - 1, { what: 'all others', ...PATIENT });
    return { done };
  }

  it('fetches all but a changed file once, and that one when it is published anew', async () => {
    await writeTree(root, smallFiles);
    const fetching = await allBut('3.bin');
    await publishAnew();

    const row = await fetching.done;

    expect(await readTree(target())).to.deep.equal(await readTree(root));
    expect(row.duplicateBytes).to.equal(0);
    expect(row.receivedBytes).to.be.below(row.sizeBytes + 50_000);
  });

  it('makes what its publisher has in the end, when files go, turn into folders or get other rights on the way', async () => {
    await writeTree(root, smallFiles);
    const fetching = await allBut('3.bin');
    for (const path of ['4.bin', '5.bin', 'b']) await rm(join(root, path), { recursive: true });
    await writeTree(root, { '5.bin/inside.txt': 'five', b: 'a folder before', '6.bin': 'six', 'run.sh': 'plain' });
    await chmod(join(root, '6.bin'), 0o755);
    await chmod(join(root, 'run.sh'), 0o644);
    await publishAnew();

    await fetching.done;

    expect(await readTree(target())).to.deep.equal(await readTree(root));
    expect(readdirSync(target()).toSorted()).to.deep.equal(readdirSync(root).toSorted());
  });

  it('keeps nothing of a revision that is gone, even when no byte of it came', async () => {
    await rm(root, { recursive: true });
    await writeTree(root, { 'gone/empty': '', 'a.txt': 'one' });
    const fetching = await allBut('a.txt');
    await rm(join(root, 'gone'), { recursive: true });
    await publishAnew();

    await fetching.done;

    expect(readdirSync(target())).to.deep.equal(['a.txt']);
  });

  it('refuses bytes that are not what is listed, and names who sent them', async () => {
    const liar = await world.peer('mallory', [], {
      files: {
        findFile: () => undefined,
        find: (...key) => {
          const shared = home.files.find(...key);
          const wrong = Buffer.from('xxx');
          return (
            shared && { ...shared, folder: { find: () => [], readFiles: async () => ({ bytes: wrong, count: 1 }) } }
          );
        },
      },
    });
    world.sources.set(PUBLICATION, [liar.offer()]);
    const inside = folderRequest(published, bob.folder, { inside: 'a.txt', fileName: 'a.txt' });

    const problem = await problemOf(bob.downloads.get(inside, forever));

    expect(problem.code).to.equal('integrity');
    expect(problem.message).to.contain('mallory');
    expect(existsSync(target('a.txt'))).to.equal(false);
  });

  const ID = 'ab'.repeat(32);
  const file = (path: string): string => JSON.stringify({ path, size: 3, fileId: ID, executable: false });
  const hostile: [what: string, lines: string[]][] = [
    ['a way out', [file('../../evil')]],
    ['an absolute path', [file('/tmp/evil')]],
    ['one path twice', [file('a'), file('a')]],
    ['names that differ in case', [file('A'), file('a')]],
    ['a path that is too deep', [file(Array.from({ length: 40 }, () => 'd').join('/'))]],
  ];
  for (const [what, lines] of hostile) {
    it(`refuses a listing with ${what}, and writes nothing`, async () => {
      const { publication, shared } = await handmade(world, lines);
      publications.push(publication);
      const mallory = await world.peer('mallory', [], { files: { find: () => shared, findFile: () => undefined } });
      world.list(publication, mallory.offer());

      const problem = await problemOf(bob.downloads.get(folderRequest(publication, bob.folder), forever));

      expect(problem.code).to.equal('integrity');
      expect(problem.message).to.match(/evil cannot be fetched: the list of this folder is not acceptable/);
      expect([...(await readTree(bob.folder)).keys()].filter((path) => !path.endsWith('.list'))).to.deep.equal([]);
    });
  }
});
