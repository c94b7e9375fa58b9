import { expect } from 'chai';
import { messageLines } from '../../peer/tui/message-lines.js';
import { rowText } from '../../peer/wording/row.js';

const AT = new Date(2030, 0, 1, 9, 5).getTime();
const message = (text: string) => ({ at: AT, level: 'info' as const, text });
const lines = (texts: readonly string[], width: number, height: number): string[] =>
  messageLines(texts.map(message), width, height).map(rowText);

describe('messageLines', () => {
  it('wraps what is wider than the screen under its beginning', () =>
    expect(lines(['alice closed the connection; dropped as a source.'], 40, 6)).to.deep.equal([
      ' 09:05 alice closed the connection;',
      '       dropped as a source.',
    ]));

  it('shows the beginning of the latest one where there is not room for all of it', () =>
    expect(lines(['an older one', 'one two three four five six seven'], 20, 2)).to.deep.equal([
      ' 09:05 one two',
      '       three four',
    ]));

  it('shows earlier ones whole or not at all', () =>
    expect(lines(['one two three four', 'five', 'six'], 20, 3)).to.deep.equal([' 09:05 five', ' 09:05 six']));

  it('shows nothing in no rows', () => expect(lines(['one'], 20, 0)).to.deep.equal([]));
});
