import type { Clock, Timer } from '../../common/runtime/clock.js';
import { SourceFault } from './source-fault.js';

/** A source that was asked must begin to answer within this, ms. */
export const FIRST_BYTE_MS = 10_000;
/** And then never pause for longer than this, ms. */
export const STALL_MS = 15_000;
/** The time over which a source must show a useful speed, ms. */
export const SLOW_WINDOW_MS = 30_000;
/** Below this, bytes a second, another source is better, if there is one. */
export const LEAST_BYTES_PER_SECOND = 4 * 1024;

export interface ProgressWatchOptions {
  readonly clock: Clock;
  /** Whether somebody else could send what this source is asked for. */
  readonly isReplaceable: () => boolean;
  readonly onFault: (fault: SourceFault) => void;
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

  constructor(options: ProgressWatchOptions) {
    this.#options = options;
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
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** `bytes` of payload came, or 0: a sign of life. */
  progress(bytes: number): void {
    this.#hasBegun = true;
    this.#lastAt = this.#options.clock.monotonic();
    this.#windowBytes += bytes;
  }

  /** The source may not be blamed for the time until now: it waits in a queue, or we did not take what it sent. */
  excuse(): void {
    this.#lastAt = this.#options.clock.monotonic();
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
