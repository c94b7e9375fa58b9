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

/** Opens the program's log; dispose it last. @throws {ConfigError} for a level that does not exist. */
export async function openLog(options: LogOptions): Promise<Log & Disposable> {
  const { level, file, onProblem, clock = systemClock } = options;
  if (level === 'silent') return { ...silentLog, [Symbol.dispose]: () => undefined };
  if (!LOG_LEVELS.some((known) => known === level)) {
    throw new ConfigError(`there is no log level ${JSON.stringify(level)}: use silent, ${LOG_LEVELS.join(', ')}.`);
  }
  const { pino } = await import('pino');
  const sink = new LogSink({ file, onProblem });
  const timestamp = (): string => `,"time":"${new Date(clock.now()).toISOString()}"`;
  const formatters = { level: (label: string) => ({ level: label }) };
  const logger = pino({ level, base: null, timestamp, formatters }, sink);
  return { ...logOver(logger), [Symbol.dispose]: () => sink.close() };
}

function logOver(logger: Logger): Log {
  return {
    write(level, message, fields = {}) {
      if (logger.isLevelEnabled(level)) logger[level](cleanFields(fields), cleanText(message));
    },
    isEnabled: (level) => logger.isLevelEnabled(level),
    child: (fields) => logOver(logger.child(cleanFields(fields))),
  };
}
