import { type Clock, systemClock } from './clock.js';

/** What everything that waits takes as its last argument. */
export interface AbortOptions {
  readonly signal: AbortSignal;
}

/** Time ran out. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  readonly code = 'timeout';

  constructor(readonly timeoutMs: number) {
    super(`timed out after ${timeoutMs} ms`);
  }
}

/** A signal with a time limit; pass it on as `{ signal }`. Dispose it when the work is done (`using`). */
export interface Deadline extends AbortOptions, Disposable {}

/**
 * A signal that aborts when `signal` does (same reason), or after `ms` with a `DeadlineError`.
 * Its listener and timer go when it is disposed; a disposed deadline never aborts.
 */
export function withDeadline(signal: AbortSignal, ms: number, clock: Clock = systemClock): Deadline {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal.reason);
  const timer = clock.setTimer(() => controller.abort(new DeadlineError(ms)), ms);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    },
  };
}

/** True for the error of work that was stopped on purpose; a passed deadline is a failure, not an abort. */
export function isAbort(error: unknown, signal?: AbortSignal): boolean {
  if (error instanceof DeadlineError) return false;
  return (
    (error instanceof Error && error.name === 'AbortError') || (signal?.aborted === true && error === signal.reason)
  );
}

/** For `catch`: stopping is no failure, so an abort is dropped; anything else is thrown again. */
export function ignoreAbort(error: unknown, signal?: AbortSignal): void {
  if (!isAbort(error, signal)) throw error;
}

/** Waits `ms` milliseconds. Rejects with `signal.reason` when aborted first. */
export function sleep(ms: number, { signal, clock = systemClock }: AbortOptions & { clock?: Clock }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (signal.aborted) {
    reject(signal.reason);
    return promise;
  }
  const onAbort = (): void => {
    timer.cancel();
    reject(signal.reason);
  };
  const timer = clock.setTimer(() => {
    signal.removeEventListener('abort', onAbort);
    resolve();
  }, ms);
  signal.addEventListener('abort', onAbort, { once: true });
  return promise;
}
