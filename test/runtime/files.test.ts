import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';

import { expect } from 'chai';

import { ensurePrivateDir, FolderError, makeFolders, writeFileDurably } from '../../common/runtime/files.js';
import { type TempDir, tempDir } from '../support/temp.js';

describe('files', () => {
  let dir: TempDir;

  beforeEach(async () => {
    dir = await tempDir();
  });

  afterEach(async () => {
    await dir[Symbol.asyncDispose]();
  });

  describe('makeFolders', () => {
    it('makes a folder with all its parents, and takes one that is there', async () => {
      await makeFolders(dir.join('a/b/c'));
      await makeFolders(dir.join('a/b/c'));

      expect((await stat(dir.join('a/b/c'))).isDirectory()).to.equal(true);
    });

    it('makes the same folders for many at once', async () => {
      await Promise.all(Array.from({ length: 20 }, () => makeFolders(dir.join('a/b/c/d'))));

      expect((await stat(dir.join('a/b/c/d'))).isDirectory()).to.equal(true);
    });

    it('takes one to which a link leads', async () => {
      await symlink(dir.path, dir.join('link'));

      await makeFolders(dir.join('link/a'));

      expect((await stat(dir.join('a'))).isDirectory()).to.equal(true);
    });

    for (const [what, path, code] of [
      ['a file', 'file', 'EEXIST'],
      ['a file on the way', 'file/a', 'ENOTDIR'],
    ] as const) {
      it(`fails on ${what}`, async () => {
        await writeFile(dir.join('file'), '');

        const error: unknown = await makeFolders(dir.join(path)).catch((thrown: unknown) => thrown);

        expect(error).to.have.property('code', code);
      });
    }

    it('fails at once where a file system takes no folders', async function () {
      if (!(await stat('/proc/self').catch(() => undefined))) this.skip();

      const error: unknown = await makeFolders('/proc/nope/a').catch((thrown: unknown) => thrown);

      expect(error).to.have.property('code', 'ENOENT');
    });
  });

  describe('writeFileDurably', () => {
    it('replaces the content and leaves nothing else in the folder', async () => {
      const path = dir.join('key');
      await writeFile(path, 'a much longer old content', { mode: 0o644 });

      await writeFileDurably(path, 'new');

      expect(await readFile(path, 'utf8')).to.equal('new');
      expect(await readdir(dir.path)).to.deep.equal(['key']);
    });

    for (const mode of [0o600, 0o644]) {
      it(`gives the file mode ${mode.toString(8)} whatever the umask`, async () => {
        const before = process.umask(0o077);
        try {
          await writeFileDurably(dir.join('file'), Buffer.from([1, 2, 3]), mode);
        } finally {
          process.umask(before);
        }

        expect((await stat(dir.join('file'))).mode & 0o777).to.equal(mode);
      });
    }

    it('replaces a link instead of writing through it', async () => {
      await writeFile(dir.join('canary'), 'untouched');
      await symlink(dir.join('canary'), dir.join('file'));

      await writeFileDurably(dir.join('file'), 'new');

      expect(await readFile(dir.join('canary'), 'utf8')).to.equal('untouched');
      expect(await readFile(dir.join('file'), 'utf8')).to.equal('new');
    });

    it('keeps the old file and no temporary one when it fails', async () => {
      await mkdir(dir.join('occupied', 'inner'), { recursive: true });

      const outcome = await writeFileDurably(dir.join('occupied'), 'new').catch((error: unknown) => error);

      expect(outcome).to.be.instanceOf(Error);
      expect(await readdir(dir.path)).to.deep.equal(['occupied']);
    });

    it('ends with one whole content when many write at once', async () => {
      const contents = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(10_000));

      await Promise.all(contents.map((content) => writeFileDurably(dir.join('file'), content)));

      expect(contents).to.include(await readFile(dir.join('file'), 'utf8'));
      expect(await readdir(dir.path)).to.deep.equal(['file']);
    });
  });

  describe('ensurePrivateDir', () => {
    it('makes the folder and its parents for the owner alone', async () => {
      await ensurePrivateDir(dir.join('a', 'b'));

      expect((await stat(dir.join('a', 'b'))).mode & 0o777).to.equal(0o700);
    });

    it('tightens a folder of ours that others could read', async () => {
      await mkdir(dir.join('open'), { mode: 0o755 });

      await ensurePrivateDir(dir.join('open'));

      expect((await stat(dir.join('open'))).mode & 0o777).to.equal(0o700);
    });

    it('refuses a shared folder and leaves it as it is', async () => {
      await mkdir(dir.join('shared'));
      await chmod(dir.join('shared'), 0o1777);

      const outcome = await ensurePrivateDir(dir.join('shared')).catch((error: unknown) => error);

      expect(outcome).to.be.instanceOf(FolderError).with.property('code', 'unsuitable-folder');
      expect((await stat(dir.join('shared'))).mode & 0o7777).to.equal(0o1777);
    });

    it('never changes the home folder', async () => {
      const before = (await stat(homedir())).mode;

      await ensurePrivateDir(homedir()).catch((error: unknown) => expect(error).to.be.instanceOf(FolderError));

      expect((await stat(homedir())).mode).to.equal(before);
    });

    it('fails where a file has the name', async () => {
      await writeFile(dir.join('file'), '');

      const outcome = await ensurePrivateDir(dir.join('file')).catch((error: unknown) => error);

      expect(outcome).to.have.property('code', 'EEXIST');
      await rm(dir.join('file'));
    });
  });
});
