import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { RateShare } from '../rates/rate-shares.js';

export interface RateDebtOptions extends AbortOptions {
  readonly share: RateShare;
  /** Nothing more is to be taken, and then again something. */
  readonly onHold: () => void;
  readonly onPaid: () => void;
}

/** What has come is paid for before more is taken: so the source feels the limit, and nothing piles up here. */
export class RateDebt {
  #bytes = 0;
  #isPaying = false;

  constructor(private readonly options: RateDebtOptions) {}

  owe(bytes: number): void {
    if (this.options.share.isFree) return;
    this.#bytes += bytes;
    if (this.#isPaying) return;
    const waiting = this.#payOff();
    if (waiting === undefined) return;
    this.#isPaying = true;
    this.options.onHold();
    void this.#untilPaid(waiting);
  }

  #payOff(): Promise<void> | undefined {
    const { share, signal } = this.options;
    const bytes = this.#bytes;
    this.#bytes = 0;
    return bytes === 0 ? undefined : share.take(bytes, { signal });
  }

  async #untilPaid(first: Promise<void>): Promise<void> {
    const { onPaid, signal } = this.options;
    try {
      for (let waiting: Promise<void> | undefined = first; waiting !== undefined; waiting = this.#payOff())
        await waiting;
      this.#isPaying = false;
      onPaid();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
