/** Tells the tracker that this peer has some of what it fetches, so that others who fetch it find one another; and when that is over. */
import type { Clock } from '../../common/runtime/clock.js';
import { withDeadline } from '../../common/runtime/deadline.js';
import type { DownloadTracker } from './download-tracker.js';

/** The tracker is told that nothing is held any more, if it hears within this, ms. */
const END_HOLD_MS = 2_000;

/** Nobody waits for it: if the tracker does not hear, others find one source less, or one that says it has nothing. */
export class SwarmHold {
  readonly #tracker: DownloadTracker;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  #held: { readonly publicationId: string; readonly fileId: string } | undefined;

  constructor(tracker: DownloadTracker, clock: Clock) {
    this.#tracker = tracker;
    this.#clock = clock;
  }

  /** Resolves when the tracker knows, or cannot be told. */
  async start(publicationId: string, fileId: string): Promise<void> {
    if (this.#held?.fileId === fileId) return;
    this.#held = { publicationId, fileId };
    await this.#tell('part', this.#over.signal);
  }

  /** With `keeps` what is held is told by somebody else from now on. */
  end({ keeps }: { readonly keeps: boolean }): void {
    this.#over.abort();
    if (this.#held !== undefined && !keeps) void this.#tellNothing();
    this.#held = undefined;
  }

  async #tellNothing(): Promise<void> {
    using deadline = withDeadline(new AbortController().signal, END_HOLD_MS, this.#clock);
    await this.#tell('none', deadline.signal);
  }

  async #tell(has: 'part' | 'none', signal: AbortSignal): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    await this.#tracker.hold(held.publicationId, held.fileId, has, { signal }).catch(() => undefined);
  }
}
