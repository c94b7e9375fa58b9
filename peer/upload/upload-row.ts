import type { Clock } from '../../common/runtime/clock.js';
import type { UploadRow } from '../api.js';
import { RateMeter } from '../file-port/rate-meter.js';

/** A row stays so long after the last byte, ms: requests follow one another, and a row that flickers cannot be read. */
const LINGER_MS = 3_000;

/** What one user takes of one file over one connection. */
export class UploadTally {
  readonly #meter: RateMeter;
  #lastAt = -Infinity;

  constructor(
    readonly name: string,
    readonly user: string,
    private readonly clock: Clock,
  ) {
    this.#meter = new RateMeter(clock);
  }

  add(bytes: number): void {
    this.#meter.add(bytes);
    this.#lastAt = this.clock.monotonic();
  }

  get isActive(): boolean {
    return this.clock.monotonic() - this.#lastAt <= LINGER_MS;
  }

  row(): UploadRow {
    return {
      name: this.name,
      user: this.user,
      sentBytes: this.#meter.total,
      bytesPerSecond: this.#meter.bytesPerSecond,
    };
  }
}
