import { appendFile, chmod, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { compareIdentity, type FileIdentity, identityOf } from '../../../peer/library/hashing/file-identity.js';
import { type TempDir, tempDir } from '../../support/temp.js';

describe('compareIdentity', () => {
  let dir: TempDir;
  let path: string;
  let before: FileIdentity;

  const now = async (): Promise<FileIdentity> => identityOf(await stat(path, { bigint: true }));

  beforeEach(async () => {
    dir = await tempDir();
    path = dir.join('file');
    await writeFile(path, 'content');
    // A date of its own, so that no change of this test can fall into the same tick of the file system's clock.
    await utimes(path, new Date(1_000_000), new Date(1_000_000));
    before = await now();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it('finds an untouched file the same', async () => {
    expect(compareIdentity(before, await now())).to.equal('same');
  });

  it('notices a byte more', async () => {
    await appendFile(path, '!');

    expect(compareIdentity(before, await now())).to.equal('changed');
  });

  it('notices another file under the same name, even with equal size and date', async () => {
    await writeFile(dir.join('other'), 'CONTENT');
    await utimes(dir.join('other'), new Date(1_000_000), new Date(1_000_000));
    await rename(dir.join('other'), path);

    expect(compareIdentity(before, await now())).to.equal('changed');
  });

  it('calls changed rights, and content written under the old date, a difference in ctime', async () => {
    await ctimePasses(path);
    await chmod(path, 0o600);

    expect(compareIdentity(before, await now())).to.equal('ctime-differs');
  });

  async function ctimePasses(file: string): Promise<void> {
    while ((await now()).ctimeNs === before.ctimeNs) await chmod(file, 0o640);
  }
});
