import { useCursor } from 'ink';

/** The terminal's own cursor, at a cell of the frame. */
export function CursorAt({ x, y }: { readonly x: number; readonly y: number }) {
  useCursor().setCursorPosition({ x, y });
  return undefined;
}
