/** Tab: what could stand at the cursor, and the line with as much of it as is certain. Pure; the candidates come from outside. */

import { TRANSFER_PRIORITIES } from '../api.js';
import { SEARCH_ORDERS } from '../api-search.js';
import type { TransferWord } from '../wording/choose-transfer.js';
import { RATE_OPTIONS } from '../wording/limits.js';
import { SEARCH_OPTIONS, searchFlag } from '../wording/search-wish.js';
import { quoteArgument } from '../wording/selector.js';
import type { Editor } from './editor.js';
import { splitShellWords } from './shell-words.js';
import { WORD_HELP, WORDS, type Word } from './word-help.js';
import { wordCalled } from './words.js';

/** Where candidates come from: the words, options of a word, files here, names of publications, or downloads under way. */
export type CompletionSource =
  | { readonly kind: 'words' }
  | { readonly kind: 'options'; readonly word: Word }
  | { readonly kind: 'paths' | 'mine' | 'found' | 'levels' | 'orders' }
  | { readonly kind: 'downloads'; readonly word: TransferWord };

export interface CompletionRequest {
  readonly source: CompletionSource;
  /** What is typed of the argument, quotes taken out. */
  readonly prefix: string;
  /** Where the argument begins in the line. */
  readonly start: number;
}

export interface Completed {
  readonly editor: Editor;
  /** All that fit, when there is more than one. */
  readonly choices: readonly string[];
}

const OPERANDS: Partial<Record<Word, 'words' | 'paths' | 'mine' | 'found'>> = {
  pub: 'paths',
  unp: 'mine',
  rights: 'mine',
  rename: 'mine',
  put: 'paths',
  del: 'found',
  link: 'mine',
  get: 'found',
  sources: 'found',
  h: 'words',
  dir: 'paths',
};

const SEARCH_FLAGS: readonly string[] = Object.keys(SEARCH_OPTIONS).map(searchFlag);

const RATE_FLAGS: readonly string[] = RATE_OPTIONS.map(({ flag }) => flag);

/** What follows these is nobody's to complete. */
const VALUED: ReadonlySet<string> = new Set([
  '--as',
  '--for',
  '--for-group',
  '--expires',
  '--times',
  '--burn-after',
  '--at',
  '--to',
  '--copies',
  ...RATE_FLAGS,
  ...SEARCH_FLAGS,
]);

const ABOUT_DOWNLOADS: readonly Word[] = [
  'cancel',
  'pause',
  'resume',
  'retry',
  'priority',
  'limit',
] satisfies TransferWord[];

/** What Tab asks for at the cursor; undefined where nothing can be completed. */
export function completionRequest({ text, cursor }: Editor): CompletionRequest | undefined {
  const before = text.slice(0, cursor);
  const { words, openQuote } = splitShellWords(before);
  const isInWord = openQuote !== undefined || /\S$/.test(before) || endsEscaped(before);
  const current = isInWord ? words.at(-1) : undefined;
  const [prefix, start] = [current?.text ?? '', current?.start ?? cursor];
  const earlier = isInWord ? words.slice(0, -1) : words;
  if (earlier.length === 0) return { source: { kind: 'words' }, prefix, start };
  const word = wordCalled(earlier[0]?.text ?? '');
  if (word === undefined) return undefined;
  const last = earlier.at(-1)?.text ?? '';
  if (last === '--into') return { source: { kind: 'paths' }, prefix, start };
  if (last === '--sort') return { source: { kind: 'orders' }, prefix, start };
  if (VALUED.has(last)) return undefined;
  if (last === '--priority' || last === 'priority') return { source: { kind: 'levels' }, prefix, start };
  if (prefix.startsWith('-') && current?.isQuoted !== true) return { source: { kind: 'options', word }, prefix, start };
  const kind = OPERANDS[word];
  if (isAboutDownloads(word)) return { source: { kind: 'downloads', word }, prefix, start };
  if (kind === undefined) return undefined;
  return { source: { kind }, prefix, start };
}

function isAboutDownloads(word: Word): word is TransferWord {
  return ABOUT_DOWNLOADS.includes(word);
}

function endsEscaped(before: string): boolean {
  return /(?:^|[^\\])(?:\\\\)*\\\s$/.test(before);
}

/** Candidates that need nobody to be asked; undefined for the others. */
export function knownCandidates(source: CompletionSource): readonly string[] | undefined {
  if (source.kind === 'words') return WORDS;
  if (source.kind === 'levels') return TRANSFER_PRIORITIES;
  if (source.kind === 'orders') return SEARCH_ORDERS;
  return source.kind === 'options' ? (WORD_HELP[source.word].options ?? []) : undefined;
}

/** Puts into the line what all fitting candidates have in common; a single one is completed. Folders end with `/` and go on. */
export function complete(
  { text, cursor }: Editor,
  { source, prefix, start }: CompletionRequest,
  candidates: readonly string[],
): Completed {
  const fitting = [...new Set(candidates)].filter((candidate) => candidate.startsWith(prefix));
  const common = commonStart(fitting);
  if (fitting.length === 0 || (fitting.length > 1 && common === prefix))
    return { editor: { text, cursor }, choices: fitting };
  const isWhole = fitting.length === 1 && !common.endsWith('/');
  const inserted = (source.kind === 'options' ? common : quoted(common, isWhole)) + (isWhole ? ' ' : '');
  const rest = isWhole ? text.slice(cursor).replace(/^ /, '') : text.slice(cursor);
  const line = text.slice(0, start) + inserted + rest;
  return { editor: { text: line, cursor: start + inserted.length }, choices: fitting.length > 1 ? fitting : [] };
}

/** While more is to be typed the closing quote stays open. */
function quoted(text: string, isWhole: boolean): string {
  const argument = quoteArgument(text);
  return argument === text || isWhole ? argument : argument.slice(0, -1);
}

function commonStart(texts: readonly string[]): string {
  const [first = '', ...rest] = texts;
  let length = first.length;
  for (const text of rest) {
    while (!text.startsWith(first.slice(0, length))) length -= 1;
  }
  const common = first.slice(0, length);
  return /[\ud800-\udbff]$/.test(common) ? common.slice(0, -1) : common;
}
