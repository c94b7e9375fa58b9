import type { Clock } from '../../common/runtime/clock.js';
import type { Via } from '../download/connector.js';

/** So long what was found out about a device counts, ms; then everything is tried again, the best way first. */
const REMEMBERED_MS = 60_000;
/** Devices beyond this are forgotten, the longest known first. */
const MAX_DEVICES = 1_000;

interface Known {
  readonly at: number;
  /** What worked; undefined: dialling it failed. */
  readonly via: Via | undefined;
}

/** Which way led to a device, so that a way that leads nowhere is not waited for at every connection. */
export class WayMemory {
  readonly #known = new Map<string, Known>();

  constructor(private readonly clock: Clock) {}

  /** Undefined: nothing is known, or it was too long ago. */
  find(device: string): { readonly via: Via | undefined } | undefined {
    const known = this.#known.get(device);
    return known !== undefined && this.clock.monotonic() - known.at < REMEMBERED_MS ? known : undefined;
  }

  note(device: string, via: Via | undefined): void {
    this.#known.delete(device);
    this.#known.set(device, { at: this.clock.monotonic(), via });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_DEVICES && oldest !== undefined) this.#known.delete(oldest);
  }
}
