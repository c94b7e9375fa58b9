/** The lines entered before, and where in them the up and down keys stand. Pure. */

export interface History {
  /** Oldest first. */
  readonly lines: readonly string[];
  /** Index of the line that is shown; `lines.length` while a new one is being typed. */
  readonly position: number;
  /** The new line, kept while older ones are looked at. */
  readonly draft: string;
}

/** Older lines are forgotten. */
const MAX_LINES = 500;

export const EMPTY_HISTORY: History = { lines: [], position: 0, draft: '' };

/** After a line was entered; blank lines and the same line again leave no trace. */
export function remember({ lines }: History, line: string): History {
  const kept = line.trim() === '' || lines.at(-1) === line ? lines : [...lines, line].slice(-MAX_LINES);
  return { lines: kept, position: kept.length, draft: '' };
}

/** The line before or after the one shown; `current` is what stands on the command line now. Undefined: there is none. */
export function recall(
  history: History,
  step: -1 | 1,
  current: string,
): { history: History; line: string } | undefined {
  const position = history.position + step;
  if (position < 0 || position > history.lines.length) return undefined;
  const draft = history.position === history.lines.length ? current : history.draft;
  return { history: { ...history, position, draft }, line: history.lines[position] ?? draft };
}
