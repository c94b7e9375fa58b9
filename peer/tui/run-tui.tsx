/**
 * The terminal interface: takes the terminal, shows the login, then the peer, and gives the terminal back as it was. Ink is loaded
 * only here and only now; nothing of a peer is needed until somebody logs in.
 */
import type { ReadStream, WriteStream } from 'node:tty';
import { type Clock, systemClock, type Timer } from '../../common/runtime/clock.js';
import type { PeerDoor } from '../api.js';
import { EXIT_FAILED, EXIT_INTERRUPTED } from '../wording/exit-code.js';
import { type AppEnd, AppModel } from './app-model.js';
import { firstFrame } from './first-frame.js';
import { FrameOutput } from './frame-output.js';
import { loadScreen } from './load-screen.js';
import { loginFrame } from './login-frame.js';
import type { Screen } from './screen.js';

export interface TuiOptions {
  readonly door: PeerDoor;
  /** `HOST:PORT[#PIN]`; with user and password given as well the login screen is passed by itself. */
  readonly tracker?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Pin an unknown tracker without asking. Default: ask. */
  readonly trustOnFirstUse?: boolean | undefined;
  /** Where `get` puts files, when the settings name a folder; absolute. */
  readonly downloads?: string | undefined;
  /** Where relative paths start. */
  readonly cwd: string;
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  readonly env: TuiEnvironment;
  /** Aborted by SIGTERM and SIGHUP: everything ends in good order. */
  readonly signal: AbortSignal;
  /** Has `restore` called when the process exits, however it does; returns the undo. Once Ink runs it sees to that itself. */
  readonly onProcessExit?: (restore: () => void) => () => void;
  readonly clock?: Clock;
}

export interface TuiEnvironment {
  /** `NO_COLOR` is set. */
  readonly noColor: boolean;
  /** What `~` stands for. */
  readonly home?: string | undefined;
}

/** Runs until the user leaves. Resolves with the exit code; the terminal is as it was by then. */
export async function runTui(options: TuiOptions): Promise<number> {
  const { stdin, stdout, env, signal, clock = systemClock } = options;
  const output = new FrameOutput(stdout);
  const model = new AppModel({ ...options, home: env.home, clock, size: output.size });
  const leave = (): void => model.leave(EXIT_INTERRUPTED);
  // Raw from the first moment: what is typed while Ink loads must not be echoed, it may be a password.
  stdin.setRawMode(true);
  const undoOnExit = options.onProcessExit?.(() => output.releaseScreen());
  const state = model.state();
  if (state.kind === 'login') output.takeScreen(firstFrame(loginFrame(state.login, output.size), env));
  stdout.on('error', leave); // Stays: the terminal may be gone, and the last lines with it.
  stdin.on('end', leave);
  stdin.on('error', leave);
  signal.addEventListener('abort', leave, { once: true });
  let end: AppEnd;
  try {
    end = await show(model, { stdin, stdout, output, clock, noColor: env.noColor, isAborted: () => signal.aborted });
  } catch (error) {
    model.leave(EXIT_FAILED); // Drawing failed: the peer must end in good order all the same.
    await model.ended;
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
    stdin.off('end', leave);
    stdin.off('error', leave);
    output.releaseScreen();
    undoOnExit?.();
    if (!stdin.destroyed) stdin.setRawMode(false);
    stdin.pause();
  }
  if (end.farewell !== '' && stdout.writable) stdout.write(`${end.farewell}\n`);
  return end.code;
}

interface Shown {
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  readonly output: FrameOutput;
  readonly clock: Clock;
  readonly noColor: boolean;
  readonly isAborted: () => boolean;
}

async function show(model: AppModel, { stdin, stdout, output, clock, noColor, isAborted }: Shown): Promise<AppEnd> {
  const { openScreen } = await loadScreen();
  if (isAborted()) model.leave(EXIT_INTERRUPTED);
  const screen = openScreen({ model, stdin, output, noColor });
  const resizing = new PacedResize(screen, clock);
  const onResize = (): void => resizing.request();
  stdout.on('resize', onResize);
  if (stdout.columns !== output.columns || stdout.rows !== output.rows) onResize(); // it changed while Ink was loaded
  try {
    model.begin();
    const closedEarly = screen.closed.then(() => model.ended);
    return await Promise.race([model.ended, closedEarly]);
  } finally {
    stdout.off('resize', onResize);
    resizing.stop();
    screen.close();
    await screen.closed;
  }
}

/** A window being dragged changes its size a hundred times a second; the screen follows ten times. */
const RESIZE_PAUSE_MS = 100;

class PacedResize {
  #timer: Timer | undefined;
  #isWanted = false;

  constructor(
    private readonly screen: Screen,
    private readonly clock: Clock,
  ) {}

  request(): void {
    if (this.#timer !== undefined) {
      this.#isWanted = true;
      return;
    }
    this.screen.resize();
    this.#timer = this.clock.setTimer(() => this.#rested(), RESIZE_PAUSE_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #rested(): void {
    this.#timer = undefined;
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.request();
  }
}
