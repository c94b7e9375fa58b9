import { Text, useCursor } from 'ink';
import { useContext } from 'react';
import { type Editor, editorWindow } from './editor.js';
import { ThemeContext } from './theme.js';

export interface CommandLineProps {
  readonly prompt: string;
  readonly editor: Editor;
  readonly width: number;
  /** Row of this line in the frame, for the terminal's cursor. */
  readonly y: number;
  /** Shown instead of each character of a password. */
  readonly mask?: string;
  /** False: only shown. Default: it has the cursor. */
  readonly isFocused?: boolean;
}

/** A line being edited, with the terminal's own cursor in it. */
export function CommandLine({ prompt, editor, width, y, mask, isFocused = true }: CommandLineProps) {
  const theme = useContext(ThemeContext);
  const room = Math.max(1, width - prompt.length - 1);
  // Without the cursor a line is read, and that begins at its start.
  const { text, cursorCell } = editorWindow(isFocused ? editor : { ...editor, cursor: 0 }, room, mask);
  return (
    <>
      <Text wrap="truncate">
        <Text {...theme[isFocused ? 'accent' : 'faint']}>{prompt}</Text>
        {text}
      </Text>
      {isFocused ? <CursorAt x={Math.min(width - 1, prompt.length + cursorCell)} y={y} /> : undefined}
    </>
  );
}

function CursorAt({ x, y }: { readonly x: number; readonly y: number }) {
  useCursor().setCursorPosition({ x, y });
  return undefined;
}
