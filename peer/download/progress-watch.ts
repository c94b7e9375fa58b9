import type { Clock, Timer } from '../../common/runtime/clock.js';
import { SourceFault } from './source-fault.js';

/** A source that was asked must begin to answer within this, ms. */
export const FIRST_BYTE_MS = 10_000;
/** And then never pause for longer than this, ms. */
export const STALL_MS = 15_000;
/** The time over which a source must show a useful speed, ms. */
export const SLOW_WINDOW_MS = 30_000;
/** A place in a queue that we do not move up in excuses a source for this long, ms: a turn of everybody before us takes less. */
export const QUEUE_STILL_MS = 10 * 60_000;
/** Without a byte a queue excuses for this long at most, ms, however far it says we have moved: only honest ones come to an end. */
export const QUEUE_MOST_MS = 60 * 60_000;
/** Below this, bytes a second, another source is better, if there is one. */
export const LEAST_BYTES_PER_SECOND = 4 * 1024;

export interface ProgressWatchOptions {
  readonly clock: Clock;
  /** Whether somebody else could send what this source is asked for. */
  readonly isReplaceable: () => boolean;
  readonly onFault: (fault: SourceFault) => void;
}

interface QueueWait {
  readonly since: number;
  /** Best place so far, and when it was reached. */
  position: number;
  movedAt: number;
}

/** Watches a source while an answer of it is due. Told of what is asked and what comes; finds stalls and trickles. */
export class ProgressWatch {
  readonly #options: ProgressWatchOptions;
  #timer: Timer | undefined;
  #isDue = false;
  #hasBegun = false;
  #lastAt = 0;
  #windowFrom = 0;
  #windowBytes = 0;
  #wait: QueueWait | undefined;
  #heldSince: number | undefined;

  constructor(options: ProgressWatchOptions) {
    this.#options = options;
  }

  /** We take nothing from now on: until `release()` no time passes for the source. */
  hold(): void {
    this.#heldSince ??= this.#options.clock.monotonic();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  release(): void {
    if (this.#heldSince === undefined) return;
    const heldMs = this.#options.clock.monotonic() - this.#heldSince;
    this.#heldSince = undefined;
    this.#lastAt += heldMs;
    this.#windowFrom += heldMs;
    if (this.#isDue) this.#plan();
  }

  /** An answer is due from now on. Does nothing while one is due already. */
  start(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#hasBegun = false;
    this.#lastAt = this.#options.clock.monotonic();
    this.#restartWindow();
    this.#plan();
  }

  /** Nothing is due any more. */
  rest(): void {
    this.#isDue = false;
    this.#wait = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** `bytes` of payload came, or 0: a sign of life. */
  progress(bytes: number): void {
    this.#hasBegun = true;
    this.#lastAt = this.#options.clock.monotonic();
    this.#windowBytes += bytes;
    if (bytes > 0) this.#wait = undefined;
  }

  /** The source says that we wait in its queue: it may not be blamed for the time until now, but not for ever. */
  queued(position: number): void {
    if (!this.#isDue) return;
    const now = this.#options.clock.monotonic();
    this.#wait ??= { since: now, position: Infinity, movedAt: now };
    if (position < this.#wait.position) {
      this.#wait.position = position;
      this.#wait.movedAt = now;
    }
    if (now - this.#wait.movedAt >= QUEUE_STILL_MS || now - this.#wait.since >= QUEUE_MOST_MS) {
      this.#fail('stalled', `let us wait in its queue for ${Math.round((now - this.#wait.since) / 60_000)} minutes`);
      return;
    }
    this.#hasBegun = true;
    this.#lastAt = now;
    this.#restartWindow();
  }

  #restartWindow(): void {
    this.#windowFrom = this.#options.clock.monotonic();
    this.#windowBytes = 0;
  }

  get #stallAt(): number {
    return this.#lastAt + (this.#hasBegun ? STALL_MS : FIRST_BYTE_MS);
  }

  #plan(): void {
    if (this.#heldSince !== undefined) return;
    const now = this.#options.clock.monotonic();
    this.#timer = this.#options.clock.setTimer(
      () => this.#judge(),
      Math.min(this.#stallAt, this.#windowFrom + SLOW_WINDOW_MS) - now,
    );
  }

  #judge(): void {
    const now = this.#options.clock.monotonic();
    if (now >= this.#stallAt) {
      this.#fail('stalled', `sent nothing for ${Math.round((now - this.#lastAt) / 1_000)} s`);
      return;
    }
    if (now >= this.#windowFrom + SLOW_WINDOW_MS) {
      if (this.#isSlow && this.#options.isReplaceable()) {
        this.#fail('slow', `sent less than 4 KiB/s for ${SLOW_WINDOW_MS / 1_000} s`);
        return;
      }
      this.#restartWindow();
    }
    this.#plan();
  }

  get #isSlow(): boolean {
    return this.#windowBytes < (LEAST_BYTES_PER_SECOND * SLOW_WINDOW_MS) / 1_000;
  }

  #fail(kind: 'stalled' | 'slow', message: string): void {
    this.rest();
    this.#options.onFault(new SourceFault(kind, message));
  }
}
