import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { listProcess } from './leftovers.js';
import { type JsonEvent, OutputLines, parseEvents } from './output-lines.js';
import { type Command, type Environment, isolatedEnvironment, shoalCommand } from './shoal-command.js';
import { type TempDir, tempDir } from './temp.js';
import { waitFor } from './wait-for.js';

/** A program's last output may still be in the pipe when it exits; a grandchild that holds the pipe must not block us. */
const OUTPUT_AFTER_EXIT_MS = 500;

export interface ProgramOptions {
  /** Added to an isolated environment; nothing else is inherited but PATH and the like. */
  readonly env?: Environment;
  readonly cwd?: string;
  /** HOME of the program; default a folder of its own, removed with it. */
  readonly home?: string;
  /** Text that is written and ended, or 'open' to write later; default nothing at all. */
  readonly stdin?: string | 'open';
  /** What to run instead of the real `shoal`. */
  readonly command?: Command;
}

export interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LineOptions {
  readonly from?: 'stdout' | 'stderr';
  readonly timeoutMs?: number;
}

export interface EventOptions {
  readonly where?: (event: JsonEvent) => boolean;
  readonly timeoutMs?: number;
}

/** Starts `shoal ARGS…` as a process of its own. Ended, with its home folder, at the end of an `await using` block. */
export async function startProgram(args: readonly string[], options: ProgramOptions = {}): Promise<RunningProgram> {
  const [file, ...first] = options.command ?? shoalCommand();
  const ownHome = options.home === undefined ? await tempDir() : undefined;
  const home = options.home ?? ownHome?.path ?? '';
  const env = await isolatedEnvironment(home, options.env);
  const stdio = [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] as const;
  const child = spawn(file, [...first, ...args], { cwd: options.cwd ?? home, env, stdio: [...stdio] });
  await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error as Error))]);
  const program = new RunningProgram(child, { title: ['shoal', ...args].join(' '), home, ownHome });
  if (options.stdin !== undefined && options.stdin !== 'open') program.endInput(options.stdin);
  return program;
}

export class RunningProgram implements AsyncDisposable {
  readonly pid: number;
  readonly home: string;
  readonly exit: Promise<ProgramExit>;
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #ownHome: TempDir | undefined;
  readonly #stdout = new OutputLines();
  readonly #stderr = new OutputLines();
  readonly #eventsTaken = new Map<string, number>();
  #ended: ProgramExit | undefined;

  constructor(child: ChildProcess, about: { title: string; home: string; ownHome: TempDir | undefined }) {
    this.#child = child;
    this.#title = about.title;
    this.home = about.home;
    this.#ownHome = about.ownHome;
    this.pid = child.pid ?? -1;
    child.stdout?.on('data', (bytes: Buffer) => this.#stdout.push(bytes));
    child.stderr?.on('data', (bytes: Buffer) => this.#stderr.push(bytes));
    child.stdin?.on('error', () => undefined); // EPIPE: the program ended before it read all; its exit says so
    this.exit = this.#awaitExit(listProcess(this.pid, this.#title));
  }

  /** Whole lines so far. */
  get stdout(): readonly string[] {
    return this.#stdout.all;
  }

  get stderr(): readonly string[] {
    return this.#stderr.all;
  }

  get stdoutText(): string {
    return this.#stdout.text;
  }

  get stderrText(): string {
    return this.#stderr.text;
  }

  /** How the program ended; undefined while it runs. */
  get ended(): ProgramExit | undefined {
    return this.#ended;
  }

  /**
   * Waits for the next line that matches; lines before it are passed over and not offered again.
   * @throws {Error} with all output, when the time is over or the program has ended without it.
   */
  nextLine(match: RegExp | ((line: string) => boolean), options: LineOptions = {}): Promise<string> {
    const lines = options.from === 'stderr' ? this.#stderr : this.#stdout;
    const matches = typeof match === 'function' ? match : (line: string) => line.search(match) >= 0;
    return this.#whileRunning(`a line matching ${match}`, () => lines.take(matches) ?? '', options.timeoutMs);
  }

  /** All `--json` events so far. @throws {Error} when standard output holds a line that is none. */
  jsonEvents(): JsonEvent[] {
    return parseEvents(this.#stdout.all);
  }

  /** Waits for an event of this name; a second call waits for a second one. */
  waitForEvent(name: string, options: EventOptions = {}): Promise<JsonEvent> {
    const look = (): JsonEvent | undefined => {
      const events = this.jsonEvents();
      const from = this.#eventsTaken.get(name) ?? 0;
      const isWanted = (event: JsonEvent): boolean => event.event === name && (options.where?.(event) ?? true);
      const index = events.findIndex((event, position) => position >= from && isWanted(event));
      if (index >= 0) this.#eventsTaken.set(name, index + 1);
      return events[index];
    };
    return this.#whileRunning(`event "${name}"`, look, options.timeoutMs) as Promise<JsonEvent>;
  }

  /** Writes to the standard input of a program started with `stdin: 'open'`. */
  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  endInput(text = ''): void {
    this.#child.stdin?.end(text);
  }

  /** Sends a signal to this very process; false when it has ended already. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    return this.#child.kill(signal);
  }

  /** Asks the program to end and waits until it has. @throws {Error} with all output, when it does not. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 30_000): Promise<ProgramExit> {
    this.kill(signal);
    return this.waitForExit(timeoutMs);
  }

  /** Like `exit`, but with all output in the error when it takes too long. */
  async waitForExit(timeoutMs = 30_000): Promise<ProgramExit> {
    return (await this.#patiently('the program to end', () => this.#ended, timeoutMs)) as ProgramExit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.exit;
    await this.#ownHome?.[Symbol.asyncDispose]();
  }

  /** Command and output so far, for error messages. */
  describe(): string {
    const state = this.#ended === undefined ? 'runs' : `ended with ${this.#ended.code ?? this.#ended.signal}`;
    return `${this.#title} (process ${this.pid}, ${state})\n--- stdout\n${this.stdoutText}\n--- stderr\n${this.stderrText}\n---`;
  }

  async #awaitExit(unlist: () => void): Promise<ProgramExit> {
    const closed = once(this.#child, 'close');
    const [code, signal] = (await once(this.#child, 'exit')) as [number | null, NodeJS.Signals | null];
    unlist();
    await withinMs(closed, OUTPUT_AFTER_EXIT_MS);
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#ended = { code, signal };
    return this.#ended;
  }

  #whileRunning<T>(what: string, look: () => T, timeoutMs: number | undefined): Promise<T> {
    const lookOrFail = (): T => {
      const hasEnded = this.#ended !== undefined; // asked first: output that came before the end still counts
      const value = look();
      if (!value && hasEnded) throw new Error(`ended without ${what}`);
      return value;
    };
    return this.#patiently(what, lookOrFail, timeoutMs) as Promise<T>;
  }

  async #patiently<T>(what: string, look: () => T, timeoutMs = 30_000): Promise<unknown> {
    try {
      return await waitFor(look, { what, timeoutMs });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.describe()}`, { cause: error });
    }
  }
}

async function withinMs(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
