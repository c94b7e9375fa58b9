import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { quoteArgument, selectorFor } from '../../peer/wording/selector.js';

const FILE_ID = 'ab'.repeat(32);

/** What a program gets that a shell starts with `argument`. */
function argumentInShell(argument: string): string {
  return execFileSync('sh', ['-c', `printf '[%s]' ${argument}`], { encoding: 'utf8', env: { HOME: '/nowhere' } });
}

describe('quoteArgument', () => {
  for (const name of [
    'plan$(id).pdf',
    "it's$(id).pdf",
    'a`id`.pdf',
    'a;id',
    'a&id',
    'a|cat',
    'a<b',
    '(a)',
    '#a',
    '~',
    'a!b',
    'quo\'te".txt',
    'back\\slash',
  ]) {
    it(`makes one argument of ${name} for a shell too`, () => {
      expect(argumentInShell(quoteArgument(name))).to.equal(`[${name}]`);
    });
  }

  it('leaves alone what is special nowhere', () => {
    for (const name of ['plan.pdf', '@alice/a-b_c+d=e,f:g%.txt', 'Übung.txt', '日本語', '~/Downloads/a.txt'])
      expect(quoteArgument(name)).to.equal(name);
  });
});

describe('selectorFor', () => {
  it('can be pasted into a shell, whatever another user called his file', () => {
    const selector = selectorFor({ owner: 'mallory', name: 'x;id', fileId: FILE_ID, kind: 'file' });

    expect(argumentInShell(selector)).to.equal('[@mallory/x;id]');
  });
});
