/** A line being edited, as a row and the cell of its cursor. Pure. */
import { type Row, span } from '../wording/row.js';
import { type Editor, editorWindow } from './editor.js';

export interface InputRowOptions {
  readonly prompt: string;
  readonly width: number;
  /** Shown instead of each character of a password. */
  readonly mask?: string;
  /** False: only shown, without a cursor. Default: true. */
  readonly isFocused?: boolean;
}

/** Prompt and text, cut so that the cursor is seen. */
export function inputRow(editor: Editor, { prompt, width, mask, isFocused = true }: InputRowOptions): InputRow {
  const room = Math.max(1, width - prompt.length - 1);
  // Without the cursor a line is read, and that begins at its start.
  const { text, cursorCell } = editorWindow(isFocused ? editor : { ...editor, cursor: 0 }, room, mask);
  const row = [span(prompt, isFocused ? 'accent' : 'faint'), span(text)];
  return isFocused ? { row, cursorX: Math.max(0, Math.min(width - 1, prompt.length + cursorCell)) } : { row };
}

export interface InputRow {
  readonly row: Row;
  readonly cursorX?: number;
}
