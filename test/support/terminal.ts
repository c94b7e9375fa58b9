// A real terminal: the program runs in a pty and an emulator without a window draws what it writes, cell by cell.
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { type IPty, spawn } from '@lydell/node-pty';
import headless, { type Terminal as Emulator } from '@xterm/headless';
import { adoptProcess, listProcess } from './leftovers.js';
import type { ProgramExit } from './running-program.js';
import { type Command, type Environment, isolatedEnvironment, shoalCommand } from './shoal-command.js';
import { type TempDir, tempDir } from './temp.js';
import { type Key, keyBytes } from './terminal-keys.js';
import { TerminalRecording } from './terminal-recording.js';
import { waitFor } from './wait-for.js';

export type { Key } from './terminal-keys.js';
export { MOST_REDRAWS_SEEN_IN_ONE_SECOND, mostInOneSecond } from './terminal-recording.js';

/**
 * Notes the terminal's settings, runs the program under the id it writes down, and notes the settings again.
 * The shell ignores nothing and survives Ctrl-C, so that it is there for the second look.
 */
const STTY_SCRIPT = `
  notes=$1; shift
  trap : INT QUIT HUP TERM
  stty -g >"$notes/before"
  sh -c 'echo $$ >"$0/pid.new"; mv "$0/pid.new" "$0/pid"; exec "$@"' "$notes" "$@"
  code=$?
  stty -g >"$notes/after"
  exit $code`;

export interface TerminalOptions {
  readonly cols?: number;
  readonly rows?: number;
  readonly env?: Environment;
  readonly cwd?: string;
  readonly home?: string;
  /** Compares the terminal's settings before and after; a death by signal N then shows as code 128 + N. */
  readonly stty?: boolean;
  /** What to run instead of the real `shoal`. */
  readonly command?: Command;
}

/** One place on the screen. Colours: 'default', a palette number, or '#rrggbb'. */
export interface Cell {
  readonly text: string;
  /** 2 for the first half of a wide character, 0 for its second. */
  readonly width: number;
  readonly foreground: string | number;
  readonly background: string | number;
  readonly isBold: boolean;
  readonly isDim: boolean;
  readonly isInverse: boolean;
  readonly isUnderlined: boolean;
}

/** Opens a terminal (80 × 24) that runs `shoal ARGS…`. Ended, with its home folder, at the end of `await using`. */
export async function openTerminal(args: readonly string[] = [], options: TerminalOptions = {}): Promise<Terminal> {
  const own = await tempDir();
  const home = options.home ?? own.path;
  const wanted = [...(options.command ?? shoalCommand()), ...args];
  const [file = '', ...rest] = options.stty === true ? ['sh', '-c', STTY_SCRIPT, 'sh', own.path, ...wanted] : wanted;
  const size = { cols: options.cols ?? 80, rows: options.rows ?? 24 };
  const pty = spawn(file, rest, {
    ...size,
    name: 'xterm-256color',
    cwd: options.cwd ?? home,
    env: await isolatedEnvironment(home, options.env),
    encoding: null, // bytes: a character or an escape may be cut in two, and the emulator joins them
  });
  const emulator = new headless.Terminal({ ...size, allowProposedApi: true, scrollback: 10_000 });
  const terminal = new Terminal(pty, emulator, {
    own,
    title: ['shoal', ...args].join(' '),
    hasNotes: options.stty === true,
  });
  if (options.stty === true) await adoptProcess(await terminal.programPid(), `in a terminal: ${wanted.join(' ')}`);
  return terminal;
}

export class Terminal implements AsyncDisposable {
  readonly exit: Promise<ProgramExit>;
  /** All output with times. */
  readonly recording = new TerminalRecording();
  readonly #pty: IPty;
  readonly #emulator: Emulator;
  readonly #own: TempDir;
  readonly #title: string;
  readonly #hasNotes: boolean;
  #ended: ProgramExit | undefined;
  #unparsed = 0;

  constructor(pty: IPty, emulator: Emulator, about: { own: TempDir; title: string; hasNotes: boolean }) {
    this.#pty = pty;
    this.#emulator = emulator;
    this.#own = about.own;
    this.#title = about.title;
    this.#hasNotes = about.hasNotes;
    const unlist = listProcess(pty.pid, `terminal: ${about.title}`);
    pty.onData((data) => this.#draw(Buffer.from(data)));
    emulator.onData((reply) => this.#write(reply)); // programs ask a terminal for its colours or its cursor
    const { promise, resolve } = Promise.withResolvers<ProgramExit>();
    pty.onExit(({ exitCode, signal }) => {
      unlist();
      this.#ended = signal ? { code: null, signal: signalName(signal) } : { code: exitCode, signal: null };
      resolve(this.#ended);
    });
    this.exit = promise;
  }

  /** How the program ended; undefined while it runs. */
  get ended(): ProgramExit | undefined {
    return this.#ended;
  }

  /** Where the cursor is, counted from 0. */
  get cursor(): { readonly row: number; readonly col: number } {
    const { cursorX, cursorY } = this.#emulator.buffer.active;
    return { row: cursorY, col: cursorX };
  }

  /** Whether the program uses the alternate screen, as full-screen programs do. */
  get isAlternateScreen(): boolean {
    return this.#emulator.buffer.active.type === 'alternate';
  }

  /** Whether the cursor is shown: a program that ended must not leave it hidden. */
  get isCursorVisible(): boolean {
    return this.recording.text.lastIndexOf('\x1b[?25h') >= this.recording.text.lastIndexOf('\x1b[?25l');
  }

  /** The visible rows from top to bottom, without the blanks at their ends. */
  screen(): string[] {
    const { baseY } = this.#emulator.buffer.active;
    return this.#rows(baseY, baseY + this.#emulator.rows);
  }

  /** Like `screen`, with everything that scrolled off the top before it. */
  history(): string[] {
    return this.#rows(0, this.#emulator.buffer.active.length);
  }

  /** The cell at a row and column counted from 0. */
  cell(row: number, col: number): Cell {
    const { active } = this.#emulator.buffer;
    const cell = active.getLine(active.baseY + row)?.getCell(col);
    if (cell === undefined) throw new RangeError(`no cell at row ${row}, column ${col}`);
    return {
      text: cell.getChars(),
      width: cell.getWidth(),
      foreground: colour(cell.getFgColor(), cell.isFgRGB(), cell.isFgPalette()),
      background: colour(cell.getBgColor(), cell.isBgRGB(), cell.isBgPalette()),
      isBold: cell.isBold() !== 0,
      isDim: cell.isDim() !== 0,
      isInverse: cell.isInverse() !== 0,
      isUnderlined: cell.isUnderline() !== 0,
    };
  }

  /** Sends characters as if typed quickly; ends no line by itself. */
  type(text: string): void {
    this.#write(text);
  }

  press(...keys: readonly Key[]): void {
    for (const key of keys) this.#write(keyBytes(key, this.#emulator.modes.applicationCursorKeysMode));
  }

  /** Sends text as a terminal pastes it: in brackets when the program asked for them, line ends as carriage returns. */
  paste(text: string): void {
    const keys = text.replaceAll(/\r?\n/g, '\r');
    this.#write(this.#emulator.modes.bracketedPasteMode ? `\x1b[200~${keys}\x1b[201~` : keys);
  }

  /** Changes the size of the window; the program gets SIGWINCH. */
  resize(cols: number, rows: number): void {
    this.#emulator.resize(cols, rows);
    this.#pty.resize(cols, rows);
  }

  /** Waits for a row that matches and returns the match. @throws {Error} with the whole screen. */
  async waitForText(pattern: RegExp | string, options: { timeoutMs?: number } = {}): Promise<RegExpExecArray> {
    const wanted =
      typeof pattern === 'string'
        ? new RegExp(RegExp.escape(pattern))
        : new RegExp(pattern.source, pattern.flags.replace('g', ''));
    const match = (): RegExpExecArray | null => wanted.exec(this.screen().join('\n'));
    return this.#patiently(`the screen to show ${wanted}`, match, options.timeoutMs);
  }

  /** Waits until nothing on the screen matches. @throws {Error} with the whole screen. */
  async waitForNoText(pattern: RegExp, options: { timeoutMs?: number } = {}): Promise<void> {
    await this.#patiently(
      `${pattern} to leave the screen`,
      () => this.screen().join('\n').search(pattern) < 0,
      options.timeoutMs,
    );
  }

  /** Waits for any condition about this terminal. @throws {Error} with the whole screen. */
  async waitUntil(
    what: string,
    condition: (terminal: this) => boolean,
    options: { timeoutMs?: number } = {},
  ): Promise<void> {
    await this.#patiently(what, () => condition(this), options.timeoutMs);
  }

  /** Waits for the end of the program and for its last output. @throws {Error} with the whole screen. */
  async waitForExit(options: { timeoutMs?: number } = {}): Promise<ProgramExit> {
    return this.#patiently(
      'the program to end',
      () => (this.#unparsed === 0 ? this.#ended : undefined),
      options.timeoutMs,
      true,
    );
  }

  /** The process of the program itself, also when it runs under `stty`. */
  async programPid(): Promise<number> {
    if (!this.#hasNotes) return this.#pty.pid;
    return Number(await this.#patiently('the program to start', () => this.#note('pid'), undefined));
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#ended === undefined) send(await this.programPid(), signal);
  }

  /** The terminal's settings before and after the program, as `stty -g` prints them; needs `stty: true` and an end. */
  async stty(): Promise<{ readonly before: string; readonly after: string }> {
    await this.waitForExit();
    const [before, after] = [await this.#note('before'), await this.#note('after')];
    if (!before || !after)
      throw new Error(`no notes of stty: open the terminal with { stty: true }\n${this.describe()}`);
    return { before, after };
  }

  /** Command and screen, for error messages. */
  describe(): string {
    const state = this.#ended === undefined ? 'runs' : `ended with ${this.#ended.code ?? this.#ended.signal}`;
    const { row, col } = this.cursor;
    const border = '─'.repeat(this.#emulator.cols);
    const body = this.screen()
      .map((line) => `│${line.padEnd(this.#emulator.cols)}│`)
      .join('\n');
    return `${this.#title} (${state}, cursor at row ${row}, column ${col})\n┌${border}┐\n${body}\n└${border}┘`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL');
    if (this.#ended === undefined) send(this.#pty.pid, 'SIGKILL');
    await this.exit;
    this.#emulator.dispose();
    await this.#own[Symbol.asyncDispose]();
  }

  #rows(from: number, to: number): string[] {
    const { active } = this.#emulator.buffer;
    return Array.from(
      { length: to - from },
      (_, index) =>
        active
          .getLine(from + index)
          ?.translateToString(true)
          .trimEnd() ?? '',
    );
  }

  #draw(bytes: Buffer): void {
    this.recording.push(bytes);
    this.#unparsed += 1;
    this.#emulator.write(bytes, () => {
      this.#unparsed -= 1;
    });
  }

  #write(text: string): void {
    if (this.#ended === undefined) this.#pty.write(text);
  }

  async #note(name: string): Promise<string> {
    try {
      return (await readFile(this.#own.join(name), 'utf8')).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }

  async #patiently<T>(what: string, look: () => T | Promise<T>, timeoutMs = 30_000, mayEnd = false) {
    const lookOrFail = async (): Promise<T> => {
      const isOver = this.#ended !== undefined && this.#unparsed === 0; // asked first: the last output still counts
      const value = await look();
      if (!value && isOver && !mayEnd) throw new Error(`the program ended before ${what}`);
      return value;
    };
    try {
      return await waitFor(lookOrFail, { what, timeoutMs });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.describe()}`, { cause: error });
    }
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: it ended by itself meanwhile
  }
}

function signalName(number: number): NodeJS.Signals {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  if (found === undefined) throw new RangeError(`no signal ${number}`);
  return found[0] as NodeJS.Signals;
}

function colour(value: number, isRgb: boolean, isPalette: boolean): string | number {
  if (isRgb) return `#${value.toString(16).padStart(6, '0')}`;
  return isPalette ? value : 'default';
}
