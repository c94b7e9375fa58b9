import type { Logger } from 'pino';

import { type Clock, systemClock } from './clock.js';
import { cleanFields, cleanText, type LogFields } from './log-fields.js';
import { LogSink } from './log-sink.js';
import { ConfigError } from './setting-value.js';

const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

/** From the gravest on. `debug` is for what remote ends do wrong: a stranger must not be able to fill a quieter log. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Says what happened, as JSON lines. Secrets are left out by key, others' text is made visible: see `log-fields.ts`. */
export interface Log {
  write(level: LogLevel, message: string, fields?: LogFields): void;
  /** For fields that cost something to gather. */
  isEnabled(level: LogLevel): boolean;
  /** A log that adds `fields` to every record. */
  child(fields: LogFields): Log;
}

export const silentLog: Log = {
  write: () => undefined,
  isEnabled: () => false,
  child: () => silentLog,
};

export interface LogOptions {
  /** A `LogLevel` or `silent`, which loads nothing and costs nothing. */
  readonly level: string;
  /** Default: standard error. */
  readonly file?: string | undefined;
  /** Told when the log cannot be written, once per outage; the service goes on. */
  readonly onProblem: (error: Error) => void;
  readonly clock?: Clock;
}

/** A log whose level may change while it is in use. */
export interface OpenLog extends Log, Disposable {
  /** @throws {ConfigError} for a level that does not exist; the old one stays. */
  setLevel(level: string): Promise<void>;
}

/** Opens the program's log; dispose it last. @throws {ConfigError} for a level that does not exist. */
export async function openLog(options: LogOptions): Promise<OpenLog> {
  const gate = new Gate(options);
  await gate.setLevel(options.level);
  return {
    ...logOver(gate, (root) => root),
    setLevel: (level) => gate.setLevel(level),
    [Symbol.dispose]: () => gate.close(),
  };
}

const RANKS: ReadonlyMap<string, number> = new Map([
  ['silent', 0],
  ...LOG_LEVELS.map((level, index) => [level, index + 1] as const),
]);

/** How much is written now: one comparison decides, and nothing is loaded before the first record. */
class Gate {
  logger: Logger | undefined;
  #rank = 0;
  #sink: LogSink | undefined;

  constructor(private readonly options: LogOptions) {}

  async setLevel(level: string): Promise<void> {
    const rank = RANKS.get(level);
    if (rank === undefined)
      throw new ConfigError(`there is no log level ${JSON.stringify(level)}: use silent, ${LOG_LEVELS.join(', ')}.`);
    if (rank > 0) this.logger ??= await this.#open();
    this.#rank = rank;
  }

  isOpen(level: LogLevel): boolean {
    return this.#rank > 0 && (RANKS.get(level) ?? 0) <= this.#rank;
  }

  close(): void {
    this.#rank = 0;
    this.#sink?.close();
  }

  async #open(): Promise<Logger> {
    const { file, onProblem, clock = systemClock } = this.options;
    const { pino } = await import('pino');
    this.#sink ??= new LogSink({ file, onProblem });
    const timestamp = (): string => `,"time":"${new Date(clock.now()).toISOString()}"`;
    const formatters = { level: (label: string) => ({ level: label }) };
    return pino({ level: 'debug', base: null, timestamp, formatters }, this.#sink);
  }
}

/** `bind` adds the fields of a child to the logger, once there is one. */
function logOver(gate: Gate, bind: (root: Logger) => Logger): Log {
  let bound: Logger | undefined;
  return {
    write(level, message, fields = {}) {
      if (!gate.isOpen(level) || gate.logger === undefined) return;
      bound ??= bind(gate.logger);
      bound[level](cleanFields(fields), cleanText(message));
    },
    isEnabled: (level) => gate.isOpen(level),
    child: (fields) => logOver(gate, (root) => bind(root).child(cleanFields(fields))),
  };
}
