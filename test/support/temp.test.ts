import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { sameBytes, seededBytes, sha256File, tempDir, writeRandomFile } from './temp.js';

describe('support/temp', () => {
  for (const ram of [false, true]) {
    it(`removes a folder with all that is in it at the end of its block, ram: ${ram}`, async () => {
      let path: string;
      {
        await using dir = await tempDir({ ram });
        path = dir.path;
        await writeFile(dir.join('file'), 'x');
        expect(existsSync(dir.join('file'))).to.equal(true);
      }

      expect(existsSync(path)).to.equal(false);
    });
  }

  it('writes files that follow from size and seed', async () => {
    await using dir = await tempDir();
    const size = 9 * 1024 * 1024 + 17; // several blocks and a rest

    await writeRandomFile(dir.join('a'), size, 1);
    await writeRandomFile(dir.join('b'), size, 1);
    await writeRandomFile(dir.join('c'), size, 2);

    expect((await readFile(dir.join('a'))).equals(seededBytes(size, 1))).to.equal(true);
    expect(await sameBytes(dir.join('a'), dir.join('b'))).to.equal(true);
    expect(await sameBytes(dir.join('a'), dir.join('c'))).to.equal(false);
    expect(await sha256File(dir.join('a'))).to.equal(createHash('sha256').update(seededBytes(size, 1)).digest('hex'));
  });

  it('sees one changed byte at the end, and a missing one', async () => {
    await using dir = await tempDir();
    const bytes = seededBytes(5 * 1024 * 1024, 3);
    await writeFile(dir.join('a'), bytes);
    await writeFile(dir.join('shorter'), bytes.subarray(0, -1));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(dir.join('changed'), bytes);

    expect(await sameBytes(dir.join('a'), dir.join('changed'))).to.equal(false);
    expect(await sameBytes(dir.join('a'), dir.join('shorter'))).to.equal(false);
  });

  it('writes an empty file', async () => {
    await using dir = await tempDir();

    await writeRandomFile(dir.join('empty'), 0, 1);

    expect((await stat(dir.join('empty'))).size).to.equal(0);
  });
});
