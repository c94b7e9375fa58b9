import { expect } from 'chai';
import fc from 'fast-check';
import { splitShellWords } from '../../peer/tui/shell-words.js';
import { LATER_WORDS, WORD_HELP, WORDS } from '../../peer/tui/word-help.js';
import { type Command, parseLine } from '../../peer/tui/words.js';
import { quoteArgument } from '../../peer/wording/selector.js';

const texts = (line: string): string[] => splitShellWords(line).words.map(({ text }) => text);

function command(line: string): Command {
  const parsed = parseLine(line);
  if (parsed.kind !== 'command') throw new Error(`no command: ${JSON.stringify(parsed)}`);
  return parsed.command;
}

function problem(line: string): string {
  const parsed = parseLine(line);
  if (parsed.kind !== 'problem') throw new Error(`no problem: ${JSON.stringify(parsed)}`);
  return parsed.problem.message;
}

describe('splitShellWords', () => {
  const LINES: readonly (readonly [string, readonly string[]])[] = [
    ['get  report.pdf ', ['get', 'report.pdf']],
    ['get "my file.txt"', ['get', 'my file.txt']],
    ['get \'it is "x"\'', ['get', 'it is "x"']],
    ['get my\\ file.txt', ['get', 'my file.txt']],
    ['pub C:\\Users\\me\\a.txt', ['pub', 'C:\\Users\\me\\a.txt']],
    ['pub a""b', ['pub', 'ab']],
    ['pub ""', ['pub', '']],
    ['', []],
  ];
  for (const [line, expected] of LINES) {
    it(`reads ${JSON.stringify(line)} as ${expected.length} words`, () => {
      expect(texts(line)).to.deep.equal(expected);
    });
  }

  it('tells patterns from quoted stars', () => {
    expect(splitShellWords('*.pdf "*.pdf" \\*.pdf').words.map(({ isPattern }) => isPattern)).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  it('tells of a quote that is not closed', () => {
    expect(splitShellWords('get "my file').openQuote).to.equal('"');
  });

  it('gives back every text that was quoted for it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((text) => !/[\r\n]/.test(text)),
        (text) => {
          expect(texts(`get ${quoteArgument(text)}`)).to.deep.equal(['get', text]);
        },
      ),
    );
  });
});

describe('parseLine', () => {
  it('reads every word with its usage', () => {
    for (const word of WORDS) expect(WORD_HELP[word].usage).to.match(new RegExp(`^${word}`));
  });

  it('reads for whom a publication is, and says what is wrong with it', () => {
    const rights = { users: ['bob', 'carol'], groups: ['team'] };

    expect(command('pub a.bin --for bob,carol --for-group=team')).to.deep.include({ word: 'pub', rights });
    expect(command('rights a.bin b.bin --for "bob, carol" --for-group team')).to.deep.equal({
      word: 'rights',
      selectors: ['a.bin', 'b.bin'],
      rights,
    });
    expect(command('rights a.bin --public')).to.deep.include({ rights: 'public' });
    expect(command('pub a.bin')).not.to.have.property('rights');
    expect(problem('rights a.bin')).to.match(/^Usage: rights NAME/);
    expect(problem('rights a.bin --public --for bob')).to.contain('leave out --for');
    expect(problem('pub a.bin --for bob,,carol')).to.contain('--for takes names with commas');
    expect(problem('pub a.bin --for')).to.equal('--for needs names of users after it.');
  });

  it('reads options before and after the name', () => {
    const expected = { word: 'get', selector: 'a.bin', as: 'b.bin', force: true };

    expect(command('get --as b.bin a.bin --force')).to.deep.equal(expected);
    expect(command('get a.bin --force --as=b.bin')).to.deep.equal(expected);
  });

  it('joins the words of a search', () => {
    expect(command('sch my file -i --all')).to.deep.equal({
      word: 'sch',
      text: 'my file',
      ignoreCase: true,
      all: true,
    });
  });

  it('keeps filters as they were typed, for lists and saved searches', () => {
    const filters = { minSize: '10M', type: 'video', since: '3d' };

    expect(command('list --min-size 10M --type=video --since 3d')).to.deep.equal({ word: 'list', all: false, filters });
    expect(command('sch --owner bob')).to.deep.include({ text: '', filters: { owner: 'bob' } });
    expect(command('save my film -i --type video --min-size 10M --since 3d --into "my films"')).to.deep.equal({
      word: 'save',
      text: 'my film',
      ignoreCase: true,
      filters,
      into: 'my films',
    });
    expect(problem('save')).to.match(/^Usage: save TEXT/);
    expect(problem('sch x --min-sise 3')).to.match(/Did you mean --min-size\?/);
    expect(problem('sch x --type')).to.equal('--type needs TYPES after it.');
  });

  it('reads whose publications, which folder and which search', () => {
    expect(command('lpf')).to.deep.equal({ word: 'lpf' });
    expect(command('lpf bob')).to.deep.equal({ word: 'lpf', user: 'bob' });
    expect(command('dir "my files"')).to.deep.equal({ word: 'dir', directory: 'my files' });
    expect(command('unsave s1')).to.deep.equal({ word: 'unsave', searchId: 's1' });
    expect(problem('ls here')).to.match(/takes nothing/);
  });

  it('takes what stands in quotes or after -- as a name', () => {
    expect(command('get "--force"')).to.include({ selector: '--force', force: false });
    expect(command('unp -- -a --all')).to.deep.equal({ word: 'unp', selectors: ['-a', '--all'] });
  });

  for (const alias of ['quit', 'exit']) {
    it(`takes ${alias} for xit`, () => expect(command(alias)).to.deep.equal({ word: 'xit' }));
  }

  it('names the nearest word for an unknown one', () => {
    expect(problem('serch x')).to.contain('Unknown word: serch').and.contain('Did you mean sch?');
  });

  for (const word of LATER_WORDS) {
    it(`says that ${word} is not in this version yet`, () =>
      expect(problem(`${word} x`)).to.match(/^Not in this version yet/));
  }

  const REFUSED: readonly (readonly [string, RegExp])[] = [
    ['get', /Usage: get NAME/],
    ['get my file.txt', /one name.*get "my file.txt"/],
    ['get a --forse', /no option --forse\. Did you mean --force\?/],
    ['get a --as', /--as needs a name/],
    ['get a --force=1', /--force takes no value/],
    ['pub a b --as c', /one path/],
    ['sch', /list shows everything/],
    ['lap bob', /takes nothing/],
    ['get "a', /quote " is not closed/],
    ['h frobnicate', /no word frobnicate/],
  ];
  for (const [line, expected] of REFUSED) {
    it(`refuses ${line}`, () => expect(problem(line)).to.match(expected));
  }

  it('returns for every line, and shows nothing of it unescaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (line) => {
        const parsed = parseLine(line);
        if (parsed.kind === 'problem') expect(parsed.problem.message).to.not.match(/[\p{Cc}\u202e]/u);
      }),
    );
  });
});
