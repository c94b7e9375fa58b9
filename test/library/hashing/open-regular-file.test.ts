import { execFile } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { ContentError } from '../../../common/content/content-error.js';
import { openRegularFile } from '../../../peer/library/hashing/open-regular-file.js';
import { type TempDir, tempDir } from '../../support/temp.js';

const run = promisify(execFile);

describe('openRegularFile', () => {
  let dir: TempDir;

  beforeEach(async () => {
    dir = await tempDir();
    await writeFile(dir.join('file'), 'content');
    await mkdir(dir.join('folder'));
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it('opens a file and says which one it is', async () => {
    await using file = await openRegularFile(dir.join('file'));

    expect(file.identity.size).to.equal(7n);
    expect((await file.handle.readFile()).toString()).to.equal('content');
  });

  const cases: [what: string, code: string, make: (path: string) => Promise<unknown>][] = [
    ['nothing', 'not-found', async () => undefined],
    ['a directory', 'is-directory', (path) => mkdir(path)],
    ['a link to a file', 'symlink', (path) => symlink('file', path)],
    ['a link to a directory', 'symlink', (path) => symlink('folder', path)],
    ['a dangling link', 'symlink', (path) => symlink('nowhere', path)],
    ['a link to itself', 'symlink', (path) => symlink('it', path)],
    ['a FIFO that nobody writes to', 'not-a-file', (path) => run('mkfifo', [path])],
  ];
  for (const [what, code, make] of cases) {
    it(`refuses ${what} with ${code} and names the path`, async () => {
      const path = dir.join('it');
      await make(path);

      await expectRefused(path, code);
    });
  }

  it('tells what may be wrong with a name that was not UTF-8', async () => {
    const error = await openRegularFile(dir.join('bad\ufffd.txt')).catch((e: unknown) => e);

    expect(error)
      .to.be.instanceOf(ContentError)
      .with.property('message')
      .that.matches(/bad\ufffd\.txt does not exist, or has a name that is not Unicode: rename it then$/);
  });

  it('refuses a socket', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(dir.join('it'), resolve));
    try {
      await expectRefused(dir.join('it'), 'not-a-file');
    } finally {
      server.close();
    }
  });

  it('refuses a device', () => expectRefused('/dev/null', 'not-a-file'));

  it('refuses a path that goes through a file', () => expectRefused(dir.join('file', 'below'), 'not-found'));

  it('refuses a path with NUL instead of crashing', () => expectRefused(dir.join('a\0b'), 'unreadable'));

  it('refuses a file that the user may not read', async () => {
    await chmod(dir.path, 0o755);
    await chmod(dir.join('file'), 0);

    expect(await openWithoutPrivileges(dir.join('file'))).to.equal('unreadable');
  });

  async function expectRefused(path: string, code: string): Promise<void> {
    const error = await openRegularFile(path).then(
      () => expect.fail('it was opened'),
      (caught: unknown) => caught,
    );
    expect(error).to.be.instanceOf(ContentError).with.property('code', code);
    expect((error as Error).message).to.include(path);
  }
});

/** The code with which another process, which is not root, is refused. */
async function openWithoutPrivileges(path: string): Promise<string> {
  const url = new URL('../../../peer/library/hashing/open-regular-file.js', import.meta.url).href;
  // Everything is loaded before the privileges go: the sources need not be readable for everybody.
  const script = `
    const { openRegularFile } = await import(${JSON.stringify(url)});
    if (process.getuid() === 0) process.setuid(65534);
    process.stdout.write(await openRegularFile(${JSON.stringify(path)}).then(() => 'opened', (error) => error.code));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
  return stdout;
}
