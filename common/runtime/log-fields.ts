import { safeDisplay } from '../content/safe-display.js';

/** What may be said beside a message. Values of any shape: they are cleaned before they are written. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Keys whose value is never written, whatever it is and however deep it lies; letter case, `-` and `_` do not matter. */
const SECRET_KEY =
  /pass(word|code|phrase)|secret|token|authorization|cookie|credential|(access|private|seal|link|resume|directional)key/;
const REDACTED = '[redacted]';

/** Deeper values are left out: a record is a line for reading, and its size must not be in a stranger's hand. */
const MAX_DEPTH = 4;
const MAX_ENTRIES = 50;
const MAX_TEXT_CHARS = 2_000;

/** `fields` as they may be written: secrets removed, others' text made visible, everything bounded. */
export function cleanFields(fields: LogFields): Record<string, unknown> {
  return cleanObject(fields, MAX_DEPTH);
}

/** A text as it may stand in a log: one line, no escapes, bounded. */
export function cleanText(text: string): string {
  return safeDisplay(text.length > MAX_TEXT_CHARS ? `${text.slice(0, MAX_TEXT_CHARS)}…` : text);
}

function cleanObject(value: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  return Object.fromEntries(
    entries.map(([key, item]) => [cleanText(key), isSecret(key) ? REDACTED : cleanValue(item, depth)]),
  );
}

function isSecret(key: string): boolean {
  return SECRET_KEY.test(key.toLowerCase().replaceAll(/[-_]/g, ''));
}

function cleanValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (depth === 0) return '[deeper]';
  if (value instanceof Error) return cleanError(value, depth);
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((item) => cleanValue(item, depth - 1));
  return cleanObject(value, depth - 1);
}

function cleanError(error: Error, depth: number): Record<string, unknown> {
  return {
    name: cleanText(error.name),
    ...('code' in error && { code: cleanValue(error.code, 0) }),
    message: cleanText(error.message),
    ...(error.stack !== undefined && { stack: stackFrames(error.stack) }),
    ...(error.cause !== undefined && { cause: cleanValue(error.cause, depth - 1) }),
  };
}

const MAX_FRAMES = 8;

/** The frames alone: the head of a stack repeats the message, line breaks included. */
function stackFrames(stack: string): string[] {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return frames.slice(0, MAX_FRAMES).map((line) => cleanText(line.trim()));
}
