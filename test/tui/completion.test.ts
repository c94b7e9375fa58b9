import { expect } from 'chai';
import { complete, completionRequest, knownCandidates } from '../../peer/tui/completion.js';
import { editorOf } from '../../peer/tui/editor.js';

function tab(line: string, candidates: readonly string[]): { line: string; choices: readonly string[] } {
  const editor = editorOf(line);
  const request = completionRequest(editor);
  if (request === undefined) return { line, choices: [] };
  const completed = complete(editor, request, knownCandidates(request.source) ?? candidates);
  return { line: completed.editor.text, choices: completed.choices };
}

describe('completion', () => {
  const SOURCES: readonly (readonly [string, string | undefined])[] = [
    ['', 'words'],
    ['ge', 'words'],
    ['pub ', 'paths'],
    ['unp a', 'mine'],
    ['get ', 'found'],
    ['sources x', 'found'],
    ['cancel ', 'downloads'],
    ['pause x', 'downloads'],
    ['priority ', 'levels'],
    ['priority high ', 'downloads'],
    ['get x --priority ', 'levels'],
    ['h ', 'words'],
    ['dir ', 'paths'],
    ['save x --into ', 'paths'],
    ['list --sort ', 'orders'],
    ['sch x --type ', undefined],
    ['get --f', 'options'],
    ['sch ', undefined],
    ['get x --as ', undefined],
    ['nonsense x', undefined],
  ];
  for (const [line, kind] of SOURCES) {
    it(`offers ${kind ?? 'nothing'} after ${JSON.stringify(line)}`, () => {
      expect(completionRequest(editorOf(line))?.source.kind).to.equal(kind);
    });
  }

  it('completes a word and goes on', () => expect(tab('cle', []).line).to.equal('clear '));

  it('completes what all have in common, then shows them', () => {
    const files = ['report-1.pdf', 'report-2.pdf', 'notes.md'];

    expect(tab('pub re', files)).to.deep.equal({ line: 'pub report-', choices: ['report-1.pdf', 'report-2.pdf'] });
    expect(tab('pub report-', files).choices).to.have.lengthOf(2);
  });

  it('quotes names with spaces and goes on inside quotes', () => {
    expect(tab('get my', ['my file.txt']).line).to.equal("get 'my file.txt' ");
    expect(tab("get 'my fi", ['my file.txt']).line).to.equal("get 'my file.txt' ");
    expect(tab('get my\\ fi', ['my file.txt']).line).to.equal("get 'my file.txt' ");
    expect(tab('get m', ['my a.txt', 'my b.txt']).line).to.equal("get 'my ");
  });

  it('quotes a name that would be taken for an option', () => {
    expect(tab('get ', ['-dash.txt']).line).to.equal("get '-dash.txt' ");
    expect(tab("get '-", ['-a.txt', '-ab.txt']).line).to.equal("get '-a");
  });

  it('goes on after a folder', () => expect(tab('pub su', ['sub/']).line).to.equal('pub sub/'));

  it('completes options', () => expect(tab('get x --f', []).line).to.equal('get x --force '));

  it('leaves the line alone when nothing fits', () => expect(tab('get zz', ['a']).line).to.equal('get zz'));
});
