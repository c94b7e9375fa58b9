import { expect } from 'chai';
import { licensesText } from '../../tools/single-file/licenses.js';
import { writeTree } from '../download/folder-fixture.js';
import { tempDir } from '../support/temp.js';

describe('the licences beside the single executable file', () => {
  it('are those of Shoal, of each package once, and of Node', async () => {
    await using dir = await tempDir();
    const manifest = (name: string): string => JSON.stringify({ name, version: '1.2.3', license: 'ISC' });
    await writeTree(dir.path, {
      'package.json': manifest('shoal'),
      LICENSE: 'ours',
      'a/package.json': manifest('a'),
      'a/LICENCE.md': 'You may use a.',
      'a/license.js': 'no licence but code',
      'b/package.json': manifest('b'),
    });

    const text = licensesText(dir.path, [dir.join('b'), dir.join('a'), dir.join('a')]);

    expect(text.match(/^\S+ 1\.2\.3: ISC$/gm)).to.deep.equal(['shoal 1.2.3: ISC', 'a 1.2.3: ISC', 'b 1.2.3: ISC']);
    expect(text).to.include('You may use a.').and.to.include(`Node.js ${process.version}`);
    expect(text).not.to.include('no licence but code');
  });
});
