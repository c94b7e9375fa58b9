/** One line being typed: text and a cursor between its characters. Pure: every operation returns a new editor. */
import { cellWidth, safeDisplay } from '../../common/content/safe-display.js';

export interface Editor {
  readonly text: string;
  /** Index into `text`, always between two characters as people see them. */
  readonly cursor: number;
}

/** No command or name is longer; a pasted megabyte must not become one. */
export const MAX_LINE_CHARS = 4_096;

export const EMPTY_EDITOR: Editor = { text: '', cursor: 0 };

export type EditorKey =
  | 'left'
  | 'right'
  | 'home'
  | 'end'
  | 'word-left'
  | 'word-right'
  | 'backspace'
  | 'delete'
  | 'delete-word'
  | 'delete-to-start'
  | 'delete-to-end';

export function editorOf(text: string): Editor {
  return { text, cursor: text.length };
}

/** Inserts typed or pasted text at the cursor: line ends and tabs become spaces, other control characters go, the rest is cut off. */
export function insertText({ text, cursor }: Editor, added: string): Editor {
  const room = MAX_LINE_CHARS - text.length;
  const clean = added
    .slice(0, room * 2)
    .replaceAll(/\r\n?|\n|\t/g, ' ')
    .replaceAll(/\p{Cc}/gu, '');
  const fitting = wholeCharacters(clean, room);
  return { text: text.slice(0, cursor) + fitting + text.slice(cursor), cursor: cursor + fitting.length };
}

export function pressKey(editor: Editor, key: EditorKey): Editor {
  const { text, cursor } = editor;
  switch (key) {
    case 'left':
      return { text, cursor: stepLeft(text, cursor) };
    case 'right':
      return { text, cursor: stepRight(text, cursor) };
    case 'home':
      return { text, cursor: 0 };
    case 'end':
      return { text, cursor: text.length };
    case 'word-left':
      return { text, cursor: wordStart(text, cursor) };
    case 'word-right':
      return { text, cursor: cursor + (/^\s*\S*/.exec(text.slice(cursor))?.[0].length ?? 0) };
    case 'backspace':
      return without(editor, stepLeft(text, cursor), cursor);
    case 'delete':
      return without(editor, cursor, stepRight(text, cursor));
    case 'delete-word':
      return without(editor, wordStart(text, cursor), cursor);
    case 'delete-to-start':
      return without(editor, 0, cursor);
    case 'delete-to-end':
      return without(editor, cursor, text.length);
  }
}

export interface EditorWindow {
  readonly text: string;
  /** Cells from the start of `text` to the cursor. */
  readonly cursorCell: number;
}

/** The part of the line that fits in `width` cells and holds the cursor; `mask` stands for every character of a password. */
export function editorWindow({ text, cursor }: Editor, width: number, mask?: string): EditorWindow {
  const shown = (part: string): string =>
    mask === undefined ? safeDisplay(part) : mask.repeat(graphemes(part).length);
  const room = Math.max(1, width);
  const before = [...shown(text.slice(0, cursor))];
  let cells = 0;
  let start = before.length;
  while (start > 0) {
    const wide = cellWidth(before[start - 1] ?? '');
    if (cells + wide > room - 1) break;
    cells += wide;
    start -= 1;
  }
  const visible = before.slice(start).join('');
  const after = safeDisplay(shown(text.slice(cursor)), { maxCells: Math.max(0, room - cells) });
  return { text: visible + after, cursorCell: cells };
}

function without({ text }: Editor, from: number, to: number): Editor {
  return { text: text.slice(0, from) + text.slice(to), cursor: from };
}

function wordStart(text: string, cursor: number): number {
  return cursor - (/\S*\s*$/.exec(text.slice(0, cursor))?.[0].length ?? 0);
}

const PLAIN = /^[\x20-\x7e]*$/;
/** Made when it is first needed: its tables take longer to load than the screen to draw. */
let segmenter: Intl.Segmenter | undefined;

function graphemes(text: string): string[] {
  if (PLAIN.test(text)) return text.split('');
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Near enough for any character that people see as one. */
const LONGEST_CHARACTER = 64;

function stepLeft(text: string, cursor: number): number {
  return cursor - (graphemes(text.slice(Math.max(0, cursor - LONGEST_CHARACTER), cursor)).at(-1)?.length ?? 0);
}

function stepRight(text: string, cursor: number): number {
  return cursor + (graphemes(text.slice(cursor, cursor + LONGEST_CHARACTER))[0]?.length ?? 0);
}

function wholeCharacters(text: string, room: number): string {
  if (text.length <= room) return text;
  const cut = text.slice(0, Math.max(0, room));
  return /[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut;
}
