import type { Clock } from '../../common/runtime/clock.js';
import type { Turn } from '../file-port/turn-line.js';
import type { UploadTally } from './upload-row.js';

/** A turn shorter than this says nothing of its speed, ms. */
const LEAST_MS = 500;

/** One turn of an upload, for the forecast of those who wait: its bytes are counted from where the tally is when it is made. */
export class UploadTurn implements Turn {
  readonly #from: number;
  #startedAt: number | undefined;

  constructor(
    private readonly tally: UploadTally,
    private readonly bytes: number,
    private readonly clock: Clock,
  ) {
    this.#from = tally.sentBytes;
  }

  begin(): void {
    this.#startedAt = this.clock.monotonic();
  }

  leftBytes(): number {
    return Math.max(0, this.bytes - this.#sent);
  }

  bytesPerSecond(): number {
    const ms = this.clock.monotonic() - (this.#startedAt ?? Infinity);
    return ms < LEAST_MS ? 0 : (this.#sent * 1_000) / ms;
  }

  get #sent(): number {
    return this.tally.sentBytes - this.#from;
  }
}
