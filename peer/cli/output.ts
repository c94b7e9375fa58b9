import { safeDisplay } from '../../common/content/safe-display.js';
import type { PeerProblem, ProgressEvent } from '../api.js';
import { exitCodeFor } from '../wording/exit-code.js';
import { type Layout, type Listing, listingOf, paragraphs } from '../wording/listing.js';
import { problemLayout } from '../wording/problem.js';
import type { Row, Tone } from '../wording/row.js';
import type { ProgressLine } from './progress-line.js';

/** Where lines go; a terminal knows its width. */
export interface OutputStream {
  write(text: string): unknown;
  readonly columns?: number;
}

export interface OutputOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Events on stdout, people's text on stderr. */
  readonly isJson: boolean;
  /** Whether people's text on each of the two may be coloured; never without a terminal. */
  readonly colour: { readonly stdout: boolean; readonly stderr: boolean };
  /** The line that shows progress on a terminal. */
  readonly progressLine?: ProgressLine;
  /** ms since epoch, for "3h ago". */
  readonly now: () => number;
}

type JsonEvent = { readonly event: string; readonly [field: string]: unknown };

/**
 * Everything a command says goes through here. Names, users and errors come from other people: each line of text passes `safeDisplay`,
 * and events carry such characters only as JSON escapes, so that nothing of theirs reaches the reader's terminal as a command.
 */
export class Output {
  #isAnswered = false;

  constructor(private readonly options: OutputOptions) {}

  now(): number {
    return this.options.now();
  }

  /** The outcome for people. */
  show(layout: Layout): void {
    this.#say(layout, this.options.isJson ? 'stderr' : 'stdout');
  }

  /** The outcome for people, a paragraph each. */
  lines(texts: readonly string[]): void {
    this.show(unwrapped(paragraphs(texts)));
  }

  /** The outcome for people, as rows. */
  rows(rows: readonly Row[]): void {
    this.show(() => listingOf(rows));
  }

  /** Something beside the outcome: hints, waiting. */
  note(...texts: readonly string[]): void {
    this.#say(unwrapped(paragraphs(texts)), 'stderr');
  }

  /** One event before the last; `--json` alone shows it. */
  event(event: JsonEvent): void {
    if (this.options.isJson) this.options.stdout.write(`${plainJson(event)}\n`);
  }

  /** A step of a command: an event, or the progress line of a terminal. */
  progress(event: ProgressEvent): void {
    this.event({ ...event });
    this.options.progressLine?.show(event);
  }

  /** The last event of a command that worked. */
  result(command: string, result: object): void {
    this.#answer({ event: 'result', command, ...result });
  }

  /** The last event of a command that failed. `isTold` when people have read of it already. Returns the exit code. */
  problem(
    problem: PeerProblem,
    { more = {}, isTold = false }: { readonly more?: object; readonly isTold?: boolean } = {},
  ): number {
    this.#answer({ event: 'error', ...problem, ...more });
    const layout = problemLayout(problem, this.now());
    if (!isTold) this.#say(problem.code === 'ambiguous' ? layout : unwrapped(layout), 'stderr');
    return exitCodeFor(problem.code);
  }

  /** Exactly one answer: a failure after the result is told to people alone. */
  #answer(event: JsonEvent): void {
    if (!this.#isAnswered) this.event(event);
    this.#isAnswered = true;
  }

  #say(layout: Layout, where: 'stdout' | 'stderr'): void {
    this.options.progressLine?.clear();
    const stream = this.options[where];
    stream.write(plainText(layout(stream.columns ?? Infinity), this.options.colour[where]));
  }
}

/** Sentences are left to the terminal to wrap: a command in them can then be copied whole. */
function unwrapped(layout: Layout): Layout {
  return () => layout(Infinity);
}

const SGR: Readonly<Record<Tone, readonly [on: string, off: string]>> = {
  plain: ['', ''],
  strong: ['\x1b[1m', '\x1b[22m'],
  faint: ['\x1b[2m', '\x1b[22m'],
  accent: ['\x1b[36m', '\x1b[39m'],
  good: ['\x1b[32m', '\x1b[39m'],
  warning: ['\x1b[33m', '\x1b[39m'],
  bad: ['\x1b[31m', '\x1b[39m'],
};

function plainText(listing: Listing, hasColour: boolean): string {
  let text = '';
  for (let index = 0; index < listing.length; index += 1) {
    const spans = listing.at(index).map(({ text: raw, tone }) => {
      const [on, off] = hasColour ? SGR[tone] : ['', ''];
      return `${on}${safeDisplay(raw)}${off}`;
    });
    text += `${spans.join('').trimEnd()}\n`;
  }
  return text;
}

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Default_Ignorable_Code_Point}]/gu;

/** JSON of which a terminal shows every character: the same value to a parser. */
function plainJson(value: object): string {
  return JSON.stringify(value).replace(INVISIBLE, (char) => {
    return Array.from(
      { length: char.length },
      (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join('');
  });
}
