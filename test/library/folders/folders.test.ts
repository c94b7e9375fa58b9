import { chmod, mkdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

import { type FolderEntry, ListingReader } from '../../../common/content/folder-listing.js';
import { systemClock } from '../../../common/runtime/clock.js';
import { Folders, type ScannedFolder } from '../../../peer/library/folders/folders.js';
import { FileHasher } from '../../../peer/library/hashing/hash-file.js';
import { seededBytes, type TempDir, tempDir } from '../../support/temp.js';

const forever = { signal: new AbortController().signal };
const LARGE = 17 * 1024 * 1024;

describe('a folder on the disk', () => {
  let dir: TempDir;
  let root: string;
  let hasher: FileHasher;
  let folders: Folders;
  beforeEach(async () => {
    dir = await tempDir();
    root = dir.join('photos');
    hasher = new FileHasher({ threads: 1 });
    folders = new Folders({ stateDir: dir.path, hasher, clock: systemClock });
    await write('a.txt', 'one');
    await write('b/c.txt', 'two');
    await write('b/d/e.bin', 'three');
  });
  afterEach(async () => {
    await folders.close();
    await hasher.close();
    await dir[Symbol.asyncDispose]();
  });

  async function write(path: string, content: string | Uint8Array): Promise<void> {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }

  async function entriesOf({ file }: ScannedFolder): Promise<FolderEntry[]> {
    const reader = new ListingReader();
    const entries = [...reader.push(await readFile(file))];
    reader.end();
    return entries;
  }

  async function paths(scanned: ScannedFolder): Promise<string[]> {
    return (await entriesOf(scanned)).map(({ path }) => path);
  }

  it('is listed with every file, its executable bit, and empty directories, in one order', async () => {
    await mkdir(join(root, 'b.empty'));
    await write('b0', 'four');
    await chmod(join(root, 'a.txt'), 0o755);

    const scanned = await folders.scan(root, forever);

    expect(await entriesOf(scanned)).to.deep.include({ path: 'b.empty', dir: true });
    expect(await paths(scanned)).to.deep.equal(['a.txt', 'b.empty', 'b/c.txt', 'b/d/e.bin', 'b0']);
    expect((await entriesOf(scanned))[0]).to.include({ size: 3, executable: true });
    expect(scanned).to.include({ files: 4, bytes: 15, hashedFiles: 4, skippedCount: 0 });
  });

  it('has the same id from another disk, and another one for other content', async () => {
    const first = await folders.scan(root, forever);
    const copy = dir.join('copy');
    for (const [path, content] of [
      ['b/d/e.bin', 'three'],
      ['b/c.txt', 'two'],
      ['a.txt', 'one'],
    ] as const) {
      await mkdir(dirname(join(copy, path)), { recursive: true });
      await writeFile(join(copy, path), content);
    }

    const second = await folders.scan(copy, forever);
    await writeFile(join(copy, 'a.txt'), 'uno');
    const third = await folders.scan(copy, forever);

    expect(second.folderId).to.equal(first.folderId);
    expect(third.folderId).not.to.equal(first.folderId);
  });

  it('is not hashed twice, also by a peer that was started again', async () => {
    const first = await folders.scan(root, forever);
    await folders.close();
    folders = new Folders({ stateDir: dir.path, hasher, clock: systemClock });

    const second = await folders.scan(root, forever);

    expect(second).to.include({ hashedFiles: 0, folderId: first.folderId });
  });

  it('has only what changed hashed again, and files that were moved or renamed not at all', async () => {
    await write('large.bin', seededBytes(LARGE, 1));
    await folders.scan(root, forever);
    await rename(join(root, 'b'), join(root, 'moved'));
    await rename(join(root, 'large.bin'), join(root, 'renamed.bin'));
    await write('a.txt', 'changed');

    const scanned = await folders.scan(root, forever);

    expect(await paths(scanned)).to.deep.equal(['a.txt', 'moved/c.txt', 'moved/d/e.bin', 'renamed.bin']);
    expect(scanned.hashedFiles).to.equal(1);
  });

  it('is read again where only the time of a change tells, when somebody says that it is not what it was', async () => {
    const then = new Date(2020, 1, 1);
    await utimes(join(root, 'a.txt'), then, then);
    const first = await folders.scan(root, forever);
    await write('a.txt', 'eno');
    await utimes(join(root, 'a.txt'), then, then);

    const trusting = await folders.scan(root, forever);
    const strict = await folders.scan(root, { ...forever, isStrict: true });

    expect(trusting).to.include({ folderId: first.folderId, hashedFiles: 0 });
    expect(strict.hashedFiles).to.equal(1);
    expect(strict.folderId).not.to.equal(first.folderId);
  });

  it('leaves out links, pipes and names that cannot be published, and says so', async () => {
    await symlink('/etc/passwd', join(root, 'link'));
    await symlink(dir.path, join(root, 'b/up'));
    await write('e\u0301.txt', 'not NFC');
    await write('A.TXT', 'a twin');

    const scanned = await folders.scan(root, forever);

    expect((await paths(scanned)).map((path) => path.toLowerCase())).to.deep.equal(['a.txt', 'b/c.txt', 'b/d/e.bin']);
    expect(scanned.skippedCount).to.equal(4);
    expect(scanned.skipped.map(({ reason }) => reason).join('; '))
      .to.match(/symbolic link.*/)
      .and.match(/NFC/);
  });

  it('is refused when it is a link, a file or nothing', async () => {
    await symlink(root, dir.join('link'));
    for (const [path, code] of [
      [dir.join('link'), 'symlink'],
      [join(root, 'a.txt'), 'not-a-file'],
      [dir.join('nothing'), 'not-found'],
    ] as const) {
      const error = await folders.scan(path, forever).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error, path).to.include({ code });
    }
  });

  it('tells each path once, and after a change only what changed', async () => {
    await folders.scan(root, forever);
    const first = await folders.untold(root, forever);
    await folders.setTold(root, first, forever);
    await write('new.txt', 'new');
    await write('a.txt', 'changed');
    await rm(join(root, 'b/c.txt'));
    await folders.scan(root, forever);

    const second = await folders.untold(root, forever);

    expect(first.put.map(({ path }) => path)).to.deep.equal(['a.txt', 'b/c.txt', 'b/d/e.bin']);
    expect(second.put.map(({ path }) => path)).to.deep.equal(['a.txt', 'new.txt']);
    expect(second.drop).to.deep.equal(['b/c.txt']);
    expect(second.isAll).to.equal(true);
  });
});
