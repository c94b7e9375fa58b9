import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { DownloadFolder } from '../../peer/download-folder.js';
import { type TempDir, tempDir } from '../support/temp.js';

describe('DownloadFolder', () => {
  let dir: TempDir;
  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  async function open(configured?: string): Promise<DownloadFolder> {
    const folder = new DownloadFolder({ stateDir: dir.path, usual: dir.join('usual', 'place'), configured });
    await folder.load();
    return folder;
  }

  it('is the usual place, made when it is needed', async () => {
    const folder = await open();

    expect(await readdir(dir.path)).to.deep.equal([]);
    expect(await folder.ready()).to.equal(dir.join('usual', 'place'));
    expect(await readdir(dir.path)).to.deep.equal(['usual']);
  });

  it('stays what was chosen in a later run, unless the settings name another', async () => {
    await mkdir(dir.join('chosen'));
    await (await open()).change(dir.join('chosen'));

    expect((await open()).path).to.equal(dir.join('chosen'));
    expect((await open(dir.join('configured'))).path).to.equal(dir.join('configured'));
  });

  it('refuses what is no folder, and stays as it was', async () => {
    const folder = await open();
    await writeFile(dir.join('file'), '');

    for (const [path, reason] of [
      [dir.join('missing'), /does not exist/],
      [dir.join('file'), /is not a folder/],
      ['relative', /no absolute path/],
    ] as const) {
      const error = await folder.change(path).catch((caught: unknown) => caught as Error);
      expect(String(error)).to.match(reason);
    }
    expect((await open()).path).to.equal(dir.join('usual', 'place'));
  });

  it('is not made anew when the chosen one is missing: its disk may be', async () => {
    await mkdir(dir.join('usb'));
    await (await open()).change(dir.join('usb'));
    await rmdir(dir.join('usb'));

    const error = await (await open()).ready().catch((caught: unknown) => caught as Error);

    expect(String(error)).to.contain('does not exist');
  });
});
