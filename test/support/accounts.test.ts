import { readFile, stat } from 'node:fs/promises';
import { expect } from 'chai';
import { writeCredentials } from './accounts.js';
import { tempDir } from './temp.js';

describe('support/accounts', () => {
  it('writes a line for each user that only the owner can read', async () => {
    await using dir = await tempDir();

    const path = await writeCredentials(dir.join('credentials.txt'), { ann: 'pass word', bob: 'x' });

    expect(await readFile(path, 'utf8')).to.equal('ann pass word\nbob x\n');
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
  });

  it('refuses what would make another account', async () => {
    await using dir = await tempDir();

    const error = await writeCredentials(dir.join('c'), { 'a b': 'x' }).catch((reason: unknown) => reason);

    expect(error).to.be.instanceOf(RangeError);
  });
});
