import { expect } from 'chai';
import fc from 'fast-check';
import { cellWidth } from '../../common/content/safe-display.js';
import {
  type Editor,
  EMPTY_EDITOR,
  editorOf,
  editorWindow,
  insertText,
  MAX_LINE_CHARS,
  pressKey,
} from '../../peer/tui/editor.js';
import { EMPTY_HISTORY, recall, remember } from '../../peer/tui/history.js';

/** `ab|c` with the cursor at the bar. */
const at = (marked: string): Editor => ({ text: marked.replace('|', ''), cursor: marked.indexOf('|') });
const shown = ({ text, cursor }: Editor): string => `${text.slice(0, cursor)}|${text.slice(cursor)}`;

describe('editor', () => {
  const PRESSES: readonly (readonly [string, Parameters<typeof pressKey>[1], string])[] = [
    ['ab|c', 'left', 'a|bc'],
    ['|abc', 'left', '|abc'],
    ['ab|c', 'right', 'abc|'],
    ['ab|c', 'home', '|abc'],
    ['ab|c', 'end', 'abc|'],
    ['ab|c', 'backspace', 'a|c'],
    ['ab|c', 'delete', 'ab|'],
    ['get my file|', 'delete-word', 'get my |'],
    ['get my |', 'delete-word', 'get |'],
    ['get| my', 'delete-to-start', '| my'],
    ['get| my', 'delete-to-end', 'get|'],
    ['e\u0301|', 'backspace', '|'],
    ['👩‍👩‍👧|', 'left', '|👩‍👩‍👧'],
    ['one two|', 'word-left', 'one |two'],
    ['|one two', 'word-right', 'one| two'],
  ];
  for (const [before, key, after] of PRESSES) {
    it(`${key} makes ${after} of ${before}`, () => expect(shown(pressKey(at(before), key))).to.equal(after));
  }

  it('inserts a paste as one line without control characters', () => {
    expect(shown(insertText(at('get |!'), 'a\r\nb\tc\x1b[2J\x07'))).to.equal('get a b c[2J|!');
  });

  it('cuts a paste of a megabyte', () => {
    expect(insertText(EMPTY_EDITOR, 'x'.repeat(1_000_000)).text).to.have.lengthOf(MAX_LINE_CHARS);
  });

  it('never shows more cells than there are, and the cursor within them', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.nat(20),
        fc.integer({ min: 2, max: 30 }),
        (text, moves, width) => {
          let editor = insertText(EMPTY_EDITOR, text);
          for (let move = 0; move < moves; move += 1) editor = pressKey(editor, 'left');

          const window = editorWindow(editor, width);

          expect(cellWidth(window.text)).to.be.at.most(width);
          expect(window.cursorCell).to.be.below(width);
        },
      ),
    );
  });

  it('shows a mask for every character of a password, and nothing of it', () => {
    expect(editorWindow(editorOf('pä$s'), 20, '•')).to.deep.equal({ text: '••••', cursorCell: 4 });
  });
});

describe('history', () => {
  const history = ['lpf', 'lap', 'lap', ' '].reduce(remember, EMPTY_HISTORY);

  it('keeps neither blanks nor repetitions', () => expect(history.lines).to.deep.equal(['lpf', 'lap']));

  it('goes back to older lines and forth to the one being typed', () => {
    const first = recall(history, -1, 'get x');
    const second = first && recall(first.history, -1, first.line);
    const back = second && recall(second.history, 1, second.line);
    const draft = back && recall(back.history, 1, back.line);

    expect([first?.line, second?.line, back?.line, draft?.line]).to.deep.equal(['lap', 'lpf', 'lap', 'get x']);
  });

  it('stops at both ends', () => {
    expect(recall(history, 1, '')).to.equal(undefined);
    expect(recall(EMPTY_HISTORY, -1, '')).to.equal(undefined);
  });
});
