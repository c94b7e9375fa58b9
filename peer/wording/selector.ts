/** How a publication is named in a command, so that what a screen shows can be typed back. */
import { safeDisplay } from '../../common/content/safe-display.js';
import type { PublicationRow } from '../api.js';

/** Hex digits of a file id on screens; design: enough to tell files apart, short enough to read out. */
const SHOWN_ID_DIGITS = 16;

export function shortId(fileId: string): string {
  return safeDisplay(fileId.slice(0, SHOWN_ID_DIGITS));
}

/** What it is called in lists and in a `get`: a folder ends with a slash, a file inside one stands behind its name. */
export function fullName({ name, path, kind }: Pick<PublicationRow, 'name' | 'path' | 'kind'>): string {
  if (path !== undefined) return `${name}/${path}`;
  return kind === 'folder' ? `${name}/` : name;
}

/** `@owner/name`, quoted where the command line needs it; `id:…` for a name that cannot be typed as it is shown. */
export function selectorFor(row: Pick<PublicationRow, 'owner' | 'name' | 'fileId' | 'path' | 'kind'>): string {
  const { owner, fileId } = row;
  const selector = `@${owner}/${fullName(row)}`;
  return safeDisplay(selector) === selector ? quoteArgument(selector) : `id:${shortId(fileId)}`;
}

/** What is special to us or to a POSIX shell. */
const SPECIAL = /[\s'"\\*?[\]{}$`;&|<>()!#^~]/;

/**
 * `text` as one argument of our command line and of a shell, where answers are pasted too: names are chosen by others, and unquoted
 * `a;b` or `$(b)` would run what they say. As it is when nothing in it is special, a leading `~/` aside; else in single quotes.
 */
export function quoteArgument(text: string): string {
  if (text !== '' && !text.startsWith('-') && !SPECIAL.test(text.replace(/^~\//, ''))) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}
