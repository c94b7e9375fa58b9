/**
 * The one way by which text that another person chose (a name, a user, an error, a log field) reaches a screen, a log or a line of
 * the CLI. The attacker is anyone who can publish a name: escape sequences would drive the reader's terminal, bidi and zero-width
 * characters would make one name look like another, an over-wide one would push the real columns off the screen.
 */

export interface SafeDisplayOptions {
  /** Most terminal cells of the result; what is cut off is replaced by "…". Default: no limit. */
  readonly maxCells?: number;
}

/** Marks on one character beyond this many are shown as codes: more only serve to paint over the lines around. */
const MAX_MARKS = 4;

// All of C (control, format, surrogate, private use, unassigned), line separators and whatever shows as nothing.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const ZERO_CELLS = /[\p{Mn}\p{Me}]/u;
// East Asian Wide and Fullwidth, which JavaScript has no property for, by whole blocks: better a cell too many than one too few.
const EAST_ASIAN_WIDE =
  /[\u1100-\u115f\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d376}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]/u;
const WIDE = new RegExp(`\\p{Emoji_Presentation}|${EAST_ASIAN_WIDE.source}`, 'u');
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * `text` with every character that is not plainly visible written as `<U+001B>`, cut to `maxCells`. The result holds no control,
 * format or zero-width character whatever the input, and does not begin with a mark that would join what stands before it.
 */
export function safeDisplay(text: string, { maxCells = Infinity }: SafeDisplayOptions = {}): string {
  if (text.length <= maxCells && PLAIN.test(text)) return text;
  let shown = '';
  let cells = 0;
  let cutAt = 0;
  let marks = MAX_MARKS; // The first character has nothing before it that a mark could stand on.
  for (const char of text) {
    const isMark = ZERO_CELLS.test(char);
    marks = isMark ? marks + 1 : 0;
    const piece = UNSAFE.test(char) || marks > MAX_MARKS ? codeOf(char) : char;
    cells += piece === char ? charCells(char) : piece.length;
    if (cells > maxCells) return maxCells < 1 ? '' : `${shown.slice(0, cutAt)}…`;
    shown += piece;
    if (cells < maxCells) cutAt = shown.length;
  }
  return shown;
}

/**
 * Terminal cells that `text` takes: our own words, or others' after `safeDisplay`. Never fewer than a terminal shows; sequences
 * that some terminals join (flags, skin tones) count in full.
 */
export function cellWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let cells = 0;
  for (const char of text) cells += charCells(char);
  return cells;
}

function charCells(char: string): number {
  if (ZERO_CELLS.test(char) || UNSAFE.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}

function codeOf(char: string): string {
  return `<U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;
}
