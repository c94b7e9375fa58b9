import { execFileSync } from 'node:child_process';
import { mkdir, open, readFile, symlink, writeFile } from 'node:fs/promises';
import { expect } from 'chai';

import { manifestOfBytes } from '../../common/content/manifest.js';
import { ChunkSet } from '../../peer/download/chunk-set.js';
import { reuseChunks } from '../../peer/download/folder/reuse-chunks.js';
import { copyFile } from '../../peer/download/folder/stage-files.js';
import { seededBytes, type TempDir, tempDir } from '../support/temp.js';

const CHUNK = 256 * 1024;
const content = seededBytes(3 * CHUNK + 7, 1);
const manifest = manifestOfBytes(content);
const { signal } = new AbortController();

describe('an older version of a file in a folder', () => {
  let dir: TempDir;
  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  async function reuse(path: string): Promise<{ reused: number; chunks: number }> {
    const held = new ChunkSet(4);
    await using staged = await open(dir.join('staged'), 'w+');
    const reused = await reuseChunks(staged, {
      manifest,
      held,
      old: { path, size: content.length, hashes: manifest.hashes },
      signal,
    });
    return { reused, chunks: held.size };
  }

  it('gives the chunks it has, as far as it is what was hashed', async () => {
    const changed = Buffer.from(content);
    changed.writeUInt8(changed.readUInt8(CHUNK) ^ 1, CHUNK);
    await writeFile(dir.join('old'), changed);

    expect(await reuse(dir.join('old'))).to.deep.equal({ reused: 2 * CHUNK + 7, chunks: 3 });
    const staged = await readFile(dir.join('staged'));
    expect(staged.subarray(2 * CHUNK).equals(content.subarray(2 * CHUNK))).to.equal(true);
  });

  for (const [what, make] of [
    ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
    ['a link', (path: string) => symlink('elsewhere', path)],
    ['a folder', (path: string) => mkdir(path)],
    ['nothing', () => undefined],
  ] as const) {
    it(`gives nothing, and holds nobody up, when there is ${what} in its place by now`, async () => {
      await writeFile(dir.join('elsewhere'), content);
      await make(dir.join('old'));
      const file = { to: 'copy', size: content.length, fileId: 'ab'.repeat(32), executable: false };

      expect(await reuse(dir.join('old'))).to.deep.equal({ reused: 0, chunks: 0 });
      expect(copyFile(dir.path, file, dir.join('old'))).to.equal(false);
    });
  }
});
