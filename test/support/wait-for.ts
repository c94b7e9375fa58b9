import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';

const DEFAULT_TIMEOUT_MS = 30_000;
/** The first looks follow one another at once: most conditions come true within a few turns of the event loop. */
const IMMEDIATE_LOOKS = 5;
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 20;

export interface WaitOptions {
  /** Measured from the call; the default is 30 s. */
  readonly timeoutMs?: number;
  /** What is awaited, for the error message: "the tracker lists bob". */
  readonly what?: string;
}

type Truthy<T> = Exclude<T, false | 0 | 0n | '' | null | undefined>;

/**
 * Looks at `condition` until it is truthy and returns its value. An error thrown by `condition` ends the wait at once.
 * @throws {Error} with `what` and the last value, when the time is over.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions = {}): Promise<Truthy<T>> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const endsAt = performance.now() + timeoutMs;
  for (let look = 0; ; look += 1) {
    const value = await condition();
    if (value) return value as Truthy<T>;
    if (performance.now() >= endsAt) {
      const what = options.what ?? condition.toString();
      throw new Error(`waited ${timeoutMs} ms in vain for: ${what}; last value: ${inspect(value, { depth: 4 })}`);
    }
    await betweenLooks(look, endsAt);
  }
}

/**
 * Repeats `assertion` until it no longer throws, and returns what it returned.
 * @throws {Error} with the text of the last failure, when the time is over.
 */
export async function eventually<T>(assertion: () => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
  let lastError: unknown;
  const attempt = async (): Promise<{ value: T } | undefined> => {
    try {
      return { value: await assertion() };
    } catch (error) {
      lastError = error;
      return undefined;
    }
  };
  try {
    return (await waitFor(attempt, { what: 'an assertion to hold', ...options })).value;
  } catch (error) {
    const reason = lastError instanceof Error ? lastError.message : inspect(lastError);
    throw new Error(`${(error as Error).message}\nlast failure: ${reason}`, { cause: error });
  }
}

async function betweenLooks(look: number, endsAt: number): Promise<void> {
  if (look < IMMEDIATE_LOOKS) {
    await nextTurn();
    return;
  }
  const growing = FIRST_PAUSE_MS * 2 ** (look - IMMEDIATE_LOOKS);
  await pause(Math.max(1, Math.min(growing, LONGEST_PAUSE_MS, endsAt - performance.now())));
}
