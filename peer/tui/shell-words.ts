/** Splits a typed line into arguments as a shell does: spaces separate, quotes join, a backslash takes the next character as it is. */

export interface ShellWord {
  readonly text: string;
  /** Some of it was quoted or escaped: then it is no option. */
  readonly isQuoted: boolean;
  /** It holds `*`, `?`, `[` or `{` outside quotes. */
  readonly isPattern: boolean;
  /** Where it begins in the line. */
  readonly start: number;
}

export interface SplitLine {
  readonly words: readonly ShellWord[];
  /** The quote that was not closed. */
  readonly openQuote?: '"' | "'";
}

/** What a backslash may stand before; before anything else it is a plain character, as paths of Windows need it. */
const ESCAPABLE = /[\s'"\\*?[\]{}#-]/;
const PATTERN = /[*?[{]/;

/** Never fails: an open quote reaches to the end of the line, and is told. */
export function splitShellWords(line: string): SplitLine {
  const words: ShellWord[] = [];
  let word: { text: string; isQuoted: boolean; isPattern: boolean; start: number } | undefined;
  let quote: '"' | "'" | undefined;
  for (let index = 0; index < line.length; index += 1) {
    const char = line.charAt(index);
    if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word ??= { text: '', isQuoted: false, isPattern: false, start: index };
    if (char === quote) quote = undefined;
    else if (quote === undefined && (char === '"' || char === "'")) [quote, word.isQuoted] = [char, true];
    else if (char === '\\' && isEscape(line.charAt(index + 1), quote)) {
      index += 1;
      word.text += line.charAt(index);
      word.isQuoted = true;
    } else {
      word.text += char;
      word.isPattern ||= quote === undefined && PATTERN.test(char);
    }
  }
  if (word !== undefined) words.push(word);
  return quote === undefined ? { words } : { words, openQuote: quote };
}

function isEscape(next: string, quote: '"' | "'" | undefined): boolean {
  if (next === '' || quote === "'") return false;
  return quote === '"' ? next === '"' || next === '\\' : ESCAPABLE.test(next);
}
