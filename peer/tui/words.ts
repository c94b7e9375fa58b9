/**
 * The command language of the terminal screen and of standard input: a line becomes a command with its arguments checked, or a
 * sentence that says what is wrong with it. It does nothing itself; `perform.ts` does.
 */
import { safeDisplay } from '../../common/content/safe-display.js';
import { nearestWord } from '../../common/runtime/nearest-word.js';
import {
  type LimitInput,
  PeerError,
  type PeerProblem,
  type Rights,
  TRANSFER_PRIORITIES,
  type TransferPriority,
} from '../api.js';
import { putWish } from '../wording/depots.js';
import { limitInput, RATE_OPTIONS } from '../wording/limits.js';
import type { PasscodeWish } from '../wording/passcode.js';
import { rightsOf } from '../wording/rights.js';
import { SEARCH_OPTIONS, type SearchWords, searchFlag } from '../wording/search-wish.js';
import type { TermsWish } from '../wording/terms.js';
import { type ShellWord, splitShellWords } from './shell-words.js';
import { LATER_WORDS, WORD_HELP, WORDS, type Word } from './word-help.js';

export type Command =
  | { readonly word: 'lap' | 'links' | 'status' | 'clear' | 'xit' }
  | { readonly word: 'next' | 'ls' }
  | { readonly word: 'searches' }
  | { readonly word: 'lpf'; readonly user?: string }
  | {
      readonly word: 'pub';
      readonly paths: readonly ShellWord[];
      readonly as?: string;
      readonly replace: boolean;
      readonly watch: boolean;
      readonly rights?: Rights;
      readonly terms?: WishedTerms;
    }
  | {
      readonly word: 'rights';
      readonly selectors: readonly string[];
      readonly rights?: Rights;
      readonly terms?: WishedTerms;
    }
  | { readonly word: 'rename'; readonly selector: string; readonly name: string }
  | ({
      readonly word: 'put';
      readonly paths: readonly ShellWord[];
      readonly as?: string;
      readonly replace: boolean;
      readonly rights?: Rights;
      readonly terms?: WishedTerms;
    } & ReturnType<typeof putWish>)
  | { readonly word: 'del'; readonly selectors: readonly string[] }
  | { readonly word: 'at-risk'; readonly all: boolean }
  | { readonly word: 'unp'; readonly selectors: readonly string[] }
  | ({ readonly word: 'sch'; readonly text: string; readonly ignoreCase: boolean; readonly all: boolean } & Filtered)
  | ({ readonly word: 'list'; readonly all: boolean } & Filtered)
  | ({
      readonly word: 'save';
      readonly text: string;
      readonly ignoreCase: boolean;
      readonly into?: string;
      readonly untilUp?: boolean;
    } & Filtered)
  | { readonly word: 'unsave'; readonly searchId: string }
  | { readonly word: 'dir'; readonly directory?: string }
  | {
      readonly word: 'get';
      readonly selector: string;
      readonly as?: string;
      readonly force: boolean;
      readonly priority?: TransferPriority;
    }
  | { readonly word: 'sources' | 'link'; readonly selector: string }
  | { readonly word: 'unlink'; readonly linkId: string }
  | { readonly word: 'cancel' | 'pause' | 'resume' | 'retry'; readonly transfer?: string }
  | { readonly word: 'priority'; readonly priority: TransferPriority; readonly transfer?: string }
  | { readonly word: 'limit'; readonly input: LimitInput }
  | { readonly word: 'h'; readonly topic?: Word };

/** As typed; a passcode is never part of the line, which stays on the screen and in the history. */
export interface WishedTerms extends TermsWish {
  readonly passcode?: PasscodeWish;
}

/** Filters as typed; what is wrong with one is said when it is carried out, since times are told from then. */
interface Filtered {
  readonly filters?: SearchWords;
}

export type ParsedLine =
  | { readonly kind: 'empty' }
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'problem'; readonly problem: PeerProblem };

const ALIASES: Readonly<Record<string, Word>> = { help: 'h', '?': 'h', quit: 'xit', exit: 'xit' };

/** Reads one line. Comments (`# …`) and blank lines are empty. */
export function parseLine(line: string): ParsedLine {
  const { words, openQuote } = splitShellWords(line);
  const [first, ...rest] = words;
  if (first === undefined || (first.text.startsWith('#') && !first.isQuoted)) return { kind: 'empty' };
  if (openQuote !== undefined) return usage(`The quote ${openQuote} is not closed.`);
  const word = wordCalled(first.text);
  if (word === undefined) return unknownWord(first.text);
  const taken = takeOptions(word, rest);
  if (typeof taken === 'string') return usage(taken);
  const command = buildChecked(word, taken);
  return typeof command === 'string' ? usage(command) : { kind: 'command', command };
}

/** The word that `text` is, aliases included. */
export function wordCalled(text: string): Word | undefined {
  if (Object.hasOwn(ALIASES, text)) return ALIASES[text];
  return WORDS.find((word) => word === text);
}

function unknownWord(text: string): ParsedLine {
  const shown = safeDisplay(text, { maxCells: 40 });
  if (LATER_WORDS.includes(text)) {
    return {
      kind: 'problem',
      problem: {
        code: 'not-yet',
        message: `Not in this version yet: ${shown} comes with a later one. h lists what is there.`,
      },
    };
  }
  const nearest = nearestWord(text.slice(0, 40), [...WORDS, ...Object.keys(ALIASES), ...LATER_WORDS]);
  const hint = nearest === undefined ? 'h lists the words.' : `Did you mean ${nearest}? h lists the words.`;
  return usage(`Unknown word: ${shown}. ${hint}`);
}

interface Taken {
  readonly operands: readonly ShellWord[];
  readonly flags: ReadonlySet<string>;
  /** Of the options that take one. */
  readonly values: ReadonlyMap<string, string>;
}

/** Options with a value, and what it is. */
const VALUED: ReadonlyMap<string, string> = new Map([
  ['--as', 'a name'],
  ['--for', 'names of users'],
  ['--for-group', 'names of groups'],
  ['--to', 'users that run depots'],
  ['--copies', 'a number'],
  ['--priority', 'high, normal or low'],
  ['--expires', 'a time'],
  ['--times', 'a number'],
  ['--burn-after', 'a number'],
  ['--into', 'a folder'],
  ...Object.entries(SEARCH_OPTIONS).map(([key, [value]]) => [searchFlag(key), value] as const),
  ...RATE_OPTIONS.map(({ flag }): [string, string] => [flag, 'a rate such as 10M, or none']),
  ['--at', 'hours such as "mon-fri 08:00-18:00"'],
]);

/** Takes the options out; a text says what is wrong. */
function takeOptions(word: Word, args: readonly ShellWord[]): Taken | string {
  const known = WORD_HELP[word].options ?? [];
  const operands: ShellWord[] = [];
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const { text } = argument;
    if (!isOption(argument)) operands.push(argument);
    else if (text === '--') operands.push(...rest.splice(0));
    else {
      const [name, value] = splitOption(text);
      if (!known.includes(name)) return unknownOption(word, name, known);
      const wanted = VALUED.get(name);
      if (wanted === undefined && value !== undefined) return `${name} takes no value.`;
      if (wanted === undefined) flags.add(name);
      else values.set(name, value ?? rest.shift()?.text ?? '');
      if (values.get(name) === '') return `${name} needs ${wanted} after it.`;
    }
  }
  return { operands, flags, values };
}

/** What is quoted is a name, but for the value of an option: `--as="my file"`. */
function isOption({ text, isQuoted }: ShellWord): boolean {
  return isQuoted ? /^--[a-z-]+=/.test(text) : text.startsWith('-') && text !== '-';
}

function splitOption(text: string): [string, string | undefined] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
}

function unknownOption(word: Word, name: string, known: readonly string[]): string {
  const shown = safeDisplay(name, { maxCells: 40 });
  const nearest = nearestWord(name.slice(0, 40), known);
  if (nearest !== undefined) return `${word} has no option ${shown}. Did you mean ${nearest}?`;
  if (known.length > 0)
    return `${word} has no option ${shown}. It has ${known.join(', ')}; quote a name that begins with "-".`;
  return `${word} has no options; quote a name that begins with "-".`;
}

function buildChecked(word: Word, taken: Taken): Command | string {
  try {
    return buildCommand(word, taken);
  } catch (error) {
    if (error instanceof PeerError) return error.message;
    throw error;
  }
}

function wishedRights({ flags, values }: Taken): Rights | undefined {
  return rightsOf({
    isPublic: flags.has('--public'),
    users: values.get('--for'),
    groups: values.get('--for-group'),
  });
}

/** Undefined when no option speaks of terms. */
function wishedTerms({ flags, values }: Taken): WishedTerms | undefined {
  const isAsked = flags.has('--passcode');
  if (isAsked && flags.has('--no-passcode'))
    throw new PeerError(usageProblem('--passcode or --no-passcode, not both.'));
  const [expires, times, burnAfter] = ['--expires', '--times', '--burn-after'].map((name) => values.get(name));
  const terms: WishedTerms = {
    ...(isAsked || flags.has('--no-passcode') ? { passcode: isAsked ? 'ask' : 'none' } : {}),
    ...(expires === undefined ? {} : { expires }),
    ...(times === undefined ? {} : { times }),
    ...(burnAfter === undefined ? {} : { burnAfter }),
  };
  return Object.keys(terms).length === 0 ? undefined : terms;
}

function wishedDepots({ flags, values }: Taken): ReturnType<typeof putWish> {
  return putWish({ to: values.get('--to'), copies: values.get('--copies'), isOpen: flags.has('--open') });
}

function rightsCommand(selectors: readonly string[], wish: { rights?: Rights; terms?: WishedTerms }): Command | string {
  return selectors.length === 0 || Object.keys(wish).length === 0
    ? missing('rights')
    : { word: 'rights', selectors, ...wish };
}

function renameCommand([selector, name, ...more]: readonly string[]): Command | string {
  if (selector === undefined || name === undefined) return missing('rename');
  return more.length === 0
    ? { word: 'rename', selector, name }
    : 'rename takes two names. Quote those that hold spaces: rename "old name" "new name"';
}

function publishCommand(
  word: 'pub' | 'put',
  taken: Taken,
  wish: { readonly as?: string; readonly rights?: Rights; readonly terms?: WishedTerms },
): Command | string {
  const { operands, flags } = taken;
  if (operands.length === 0) return missing(word);
  if (wish.as !== undefined && operands.length > 1) return '--as gives one name: publish one path with it.';
  const common = { paths: operands, replace: flags.has('--replace'), ...wish };
  return word === 'pub'
    ? { word, ...common, watch: flags.has('--watch') }
    : { word, ...common, ...wishedDepots(taken) };
}

function buildCommand(word: Word, taken: Taken): Command | string {
  const { operands, flags, values } = taken;
  const [rights, terms] = [wishedRights(taken), wishedTerms(taken)];
  const wish = { ...(rights && { rights }), ...(terms && { terms }) };
  const texts = operands.map(({ text }) => text);
  const as = values.get('--as');
  const named = as === undefined ? {} : { as };
  const all = flags.has('--all');
  const filtered = filtersIn(values);
  switch (word) {
    case 'pub':
    case 'put':
      return publishCommand(word, taken, { ...named, ...wish });
    case 'del':
      return operands.length === 0 ? missing(word) : { word, selectors: texts };
    case 'at-risk':
      return texts.length > 0 ? 'at-risk takes no name.' : { word, all };
    case 'rights':
      return rightsCommand(texts, wish);
    case 'rename':
      return renameCommand(texts);
    case 'unp':
      return operands.length === 0 ? missing(word) : { word, selectors: texts };
    case 'sch':
      if (operands.length === 0 && filtered.filters === undefined)
        return 'sch needs a text that the name holds; list shows everything.';
      return { word, text: texts.join(' '), ignoreCase: flags.has('-i'), all, ...filtered };
    case 'save':
      return saveCommand(
        texts,
        { ...filtered, ignoreCase: flags.has('-i'), isUp: flags.has('--up') },
        values.get('--into'),
      );
    case 'unsave':
      return oneOperand(word, texts, (searchId) => ({ word, searchId }));
    case 'lpf':
      return texts.length === 0 ? { word } : oneOperand(word, texts, (user) => ({ word, user }));
    case 'dir':
      return texts.length === 0 ? { word } : oneOperand(word, texts, (directory) => ({ word, directory }));
    case 'get':
      return getCommand(texts, { force: flags.has('--force'), ...named }, values.get('--priority'));
    case 'sources':
    case 'link':
      return oneOperand(word, texts, (selector) => ({ word, selector }));
    case 'unlink':
      return oneOperand(word, texts, (linkId) => ({ word, linkId }));
    case 'priority':
      return priorityCommand(texts);
    case 'limit':
      return limitCommand(texts, taken);
    case 'cancel':
    case 'pause':
    case 'resume':
    case 'retry':
      return texts.length === 0 ? { word } : oneOperand(word, texts, (transfer) => ({ word, transfer }));
    case 'h':
      return helpCommand(texts);
    case 'list':
      return texts.length > 0 ? 'list takes no name: sch TEXT searches.' : { word, all, ...filtered };
    default:
      return texts.length > 0 ? `${word} takes nothing after it.` : { word };
  }
}

function filtersIn(values: ReadonlyMap<string, string>): Filtered {
  const filters = Object.keys(SEARCH_OPTIONS).flatMap((key) => {
    const value = values.get(searchFlag(key));
    return value === undefined ? [] : [[key, value] as const];
  });
  return filters.length === 0 ? {} : { filters: Object.fromEntries(filters) };
}

function saveCommand(
  texts: readonly string[],
  { isUp, ...rest }: { readonly ignoreCase: boolean; readonly isUp: boolean } & Filtered,
  into: string | undefined,
): Command | string {
  if (texts.length === 0 && rest.filters === undefined) return missing('save');
  const more = { ...(into === undefined ? {} : { into }), ...(isUp ? { untilUp: true } : {}) };
  return { word: 'save', text: texts.join(' '), ...rest, ...more };
}

function oneOperand(word: Word, texts: readonly string[], build: (text: string) => Command): Command | string {
  const [text, ...more] = texts;
  if (text === undefined) return missing(word);
  return more.length === 0
    ? build(text)
    : `${word} takes one name. Quote it when it holds spaces: ${word} "${safeDisplay(texts.join(' '))}"`;
}

function getCommand(
  texts: readonly string[],
  rest: { readonly force: boolean; readonly as?: string },
  wanted: string | undefined,
): Command | string {
  const priority = priorityCalled(wanted);
  if (wanted !== undefined && priority === undefined) return '--priority is high, normal or low.';
  const ranked = priority === undefined ? {} : { priority };
  return oneOperand('get', texts, (selector) => ({ word: 'get', selector, ...rest, ...ranked }));
}

function limitCommand(texts: readonly string[], { flags, values }: Taken): Command | string {
  const wish = { at: values.get('--at'), remove: flags.has('--remove'), rateOf: (flag: string) => values.get(flag) };
  const build = (transfer?: string): Command => ({ word: 'limit', input: limitInput({ ...wish, transfer }) });
  return texts.length === 0 ? build() : oneOperand('limit', texts, build);
}

function priorityCommand([level, ...rest]: readonly string[]): Command | string {
  const priority = priorityCalled(level);
  if (priority === undefined) return missing('priority');
  const build = (transfer: string): Command => ({ word: 'priority', priority, transfer });
  return rest.length === 0 ? { word: 'priority', priority } : oneOperand('priority', rest, build);
}

function priorityCalled(text: string | undefined): TransferPriority | undefined {
  return TRANSFER_PRIORITIES.find((priority) => priority === text);
}

function helpCommand([topic]: readonly string[]): Command | string {
  if (topic === undefined) return { word: 'h' };
  const word = wordCalled(topic);
  return word === undefined
    ? `There is no word ${safeDisplay(topic, { maxCells: 40 })}. h lists the words.`
    : { word: 'h', topic: word };
}

function missing(word: Word): string {
  return `Usage: ${WORD_HELP[word].usage}`;
}

function usage(message: string): ParsedLine {
  return { kind: 'problem', problem: usageProblem(message) };
}

const usageProblem = (message: string): PeerProblem => ({ code: 'usage', message });
