import type { Clock } from '../../common/runtime/clock.js';
import type { Host } from '../../common/runtime/host.js';

/** The process as the commands see it; tests pass one of their own. */
export interface CliProcess {
  readonly host: Host;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Aborted by SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Calls `listener` when the settings are to be read again (SIGHUP, where no terminal sends it). Returns the undo. */
  readonly onReload?: (listener: () => void) => () => void;
  /** Runs a depot in this process; the command gives it, since the tracker knows no peer. */
  readonly startDepot?: StartDepot | undefined;
}

export type StartDepot = (options: {
  readonly dir: string;
  /** Bytes. */
  readonly capacity: number;
  readonly tracker: { readonly host: string; readonly port: number; readonly pin: string };
  readonly user: string;
  readonly password: string;
  readonly listenHost: string;
  readonly signal: AbortSignal;
  readonly onNotice: (text: string) => void;
}) => Promise<{ stop(): Promise<void> }>;

/** What a command could not do, as one sentence for a person, and how the process ends. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: string;
  readonly exitCode: number;

  constructor(message: string, { code, exitCode, ...options }: ErrorOptions & { code: string; exitCode: number }) {
    super(message, options);
    this.code = code;
    this.exitCode = exitCode;
  }
}

export const EXIT = { done: 0, failed: 1, usage: 2, notFound: 4, integrity: 6, interrupted: 130 } as const;

export interface Output {
  /** The event under `--json`, otherwise the line. */
  say(event: { readonly event: string } & Record<string, unknown>, line: string): void;
}

export function outputTo({ stdout }: Pick<CliProcess, 'stdout'>, { json }: { readonly json?: boolean }): Output {
  return { say: (event, line) => void stdout.write(`${json === true ? JSON.stringify(event) : line}\n`) };
}
