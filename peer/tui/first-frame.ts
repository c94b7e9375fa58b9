/** A frame as text for the terminal, drawn without Ink: the login is on the screen long before Ink is loaded. */
import type { Row, Tone } from '../wording/row.js';
import type { Frame } from './frame.js';

/** The same as `theme.ts` has Ink do. */
const CODES: Readonly<Partial<Record<Tone, readonly [on: number, off: number]>>> = {
  strong: [1, 22],
  faint: [2, 22],
  accent: [36, 39],
  good: [32, 39],
  warning: [33, 39],
  bad: [31, 39],
};

/** The lines from the top corner on, then the cursor. */
export function firstFrame({ rows, cursor }: Frame, { noColor }: { readonly noColor: boolean }): string {
  const lines = rows.map((row) => (noColor ? row.map(({ text }) => text).join('') : painted(row)));
  const cursorCodes = cursor === undefined ? '\x1b[?25l' : `\x1b[${cursor.y + 1};${cursor.x + 1}H\x1b[?25h`;
  return `\x1b[H${lines.join('\r\n')}${cursorCodes}`;
}

function painted(row: Row): string {
  const pieces = row.map(({ text, tone }) => {
    const codes = CODES[tone];
    return codes === undefined || text === '' ? text : `\x1b[${codes[0]}m${text}\x1b[${codes[1]}m`;
  });
  return pieces.join('');
}
