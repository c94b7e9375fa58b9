import type { Clock } from '../../common/runtime/clock.js';
import type { UploadRow } from '../api.js';
import { RateMeter } from '../file-port/rate-meter.js';

/** A row stays so long after the last byte, ms: requests follow one another, and a row that flickers cannot be read. */
const LINGER_MS = 3_000;

export interface UploadTallyOptions {
  readonly clock: Clock;
  /** It became active: a person may want to see it. */
  readonly onBegin: () => void;
}

/** What one user takes of one file over one connection. */
export class UploadTally {
  readonly #meter: RateMeter;
  #lastAt = -Infinity;

  constructor(
    readonly name: string,
    readonly user: string,
    private readonly options: UploadTallyOptions,
  ) {
    this.#meter = new RateMeter(options.clock);
  }

  add(bytes: number): void {
    const wasActive = this.isActive;
    this.#meter.add(bytes);
    this.#lastAt = this.options.clock.monotonic();
    if (!wasActive) this.options.onBegin();
  }

  get sentBytes(): number {
    return this.#meter.total;
  }

  get isActive(): boolean {
    return this.options.clock.monotonic() - this.#lastAt <= LINGER_MS;
  }

  row(): UploadRow {
    return {
      name: this.name,
      user: this.user,
      sentBytes: this.sentBytes,
      bytesPerSecond: this.#meter.bytesPerSecond,
    };
  }
}
