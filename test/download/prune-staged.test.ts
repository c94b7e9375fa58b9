import { existsSync, readdirSync } from 'node:fs';
import { link, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'chai';

import { FolderPlan } from '../../peer/download/folder/folder-plan.js';
import { insideOf } from '../../peer/download/folder/inside.js';
import { pruneStaged } from '../../peer/download/folder/prune-staged.js';
import { Staging } from '../../peer/download/folder/staging.js';
import { tempDir } from '../support/temp.js';
import { problemOf } from './expect-problem.js';

describe('What an earlier revision left in a staging folder', () => {
  it('is not looked for where somebody has put a link in its place', async () => {
    await using dir = await tempDir();
    const victim = dir.join('home of the victim');
    await mkdir(victim);
    await writeFile(join(victim, 'letter.txt'), 'dear');
    const partPath = dir.join('.photos.part');
    await using staging = await Staging.open({ directory: dir.path, path: dir.join('photos'), partPath });
    const listing = dir.join('empty.list');
    await writeFile(listing, '');
    const signal = new AbortController().signal;
    const plan = await FolderPlan.read(listing, { inside: insideOf(undefined), platform: process.platform, signal });
    await rename(partPath, dir.join('aside'));
    await mkdir(partPath, { mode: 0o700 });
    await symlink(victim, staging.files);

    const problem = await problemOf(pruneStaged(staging, plan));

    expect(problem.code).to.equal('unwritable');
    expect(existsSync(join(victim, 'letter.txt'))).to.equal(true);
  });
});

describe('A staging folder beside a file out of a folder that is there', () => {
  const left: [when: string, isKept: boolean, make: (files: string, path: string) => Promise<unknown>][] = [
    [
      'is removed when that has both names: a crash came between two steps',
      false,
      (files, path) => link(path, join(files, 'file')),
    ],
    ['is removed when nothing is in it any more', false, async () => undefined],
    ['stays when it has something else', true, (files) => writeFile(join(files, 'file'), 'of another revision')],
  ];
  for (const [when, isKept, make] of left) {
    it(when, async () => {
      await using dir = await tempDir();
      const target = { directory: dir.path, path: dir.join('a.txt'), partPath: dir.join('.a.txt.part') };
      await writeFile(target.path, 'one');
      await mkdir(join(target.partPath, 'files'), { recursive: true });
      await writeFile(join(target.partPath, '0123.list'), '');
      await make(join(target.partPath, 'files'), target.path);

      await Staging.clearFinished(target);

      expect(readdirSync(dir.path)).to.deep.equal(isKept ? ['.a.txt.part', 'a.txt'] : ['a.txt']);
      expect(await readFile(target.path, 'utf8')).to.equal('one');
    });
  }
});
