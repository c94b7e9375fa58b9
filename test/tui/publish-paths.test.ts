import { mkdir, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';

import { expect } from 'chai';

import { publishPaths } from '../../peer/tui/publish-paths.js';
import { splitShellWords } from '../../peer/tui/shell-words.js';
import { problemOf } from '../download/expect-problem.js';
import { type TempDir, tempDir } from '../support/temp.js';

describe('Patterns of pub and put in the terminal', () => {
  let folder: TempDir;
  beforeEach(async () => {
    folder = await tempDir();
    await mkdir(folder.join('photos/may'), { recursive: true });
    for (const path of ['a.txt', '.hidden', 'photos/1.jpg', 'photos/may/2.jpg'])
      await writeFile(folder.join(path), 'x');
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const signal = new AbortController().signal;
  const pathsOf = (line: string): Promise<string[]> =>
    publishPaths(splitShellWords(line).words, { cwd: folder.path, signal });

  const patterns: [line: string, what: string, paths: string[]][] = [
    ['*', 'files and folders, as in a shell', ['a.txt', 'photos']],
    ['ph*', 'a folder', ['photos']],
    ['*/', 'folders alone', ['photos']],
    ['photos/*', 'what lies in a folder', ['photos/1.jpg', 'photos/may']],
    ['**', 'every file by itself', ['a.txt', 'photos/1.jpg', 'photos/may/2.jpg']],
    ['photos/**/*.jpg', 'some of them', ['photos/1.jpg', 'photos/may/2.jpg']],
  ];
  for (const [line, what, paths] of patterns) {
    it(`mean ${what}: ${line}`, async () => {
      const found = await pathsOf(line);

      expect(found.map((path) => relative(folder.path, path))).to.deep.equal(paths);
    });
  }

  it('that nothing matches are told, with where it was looked and what to do', async () => {
    const { code, message } = await problemOf(pathsOf('*.docx'));

    expect(code).to.equal('not-found');
    expect(message).to.equal(`No file or folder matches *.docx in ${folder.path}. Name one that is there.`);
  });
});
