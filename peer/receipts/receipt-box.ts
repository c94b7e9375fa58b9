/** Hands receipts to the tracker, one after the other; they wait in memory while it cannot be reached. See docs/protocol.md "receipt". */
import type { Receipt } from '../../common/protocol/receipt-fields.js';
import type { Clock } from '../../common/runtime/clock.js';
import { sleep, withDeadline } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { PeerError, type PeerErrorCode } from '../api.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';

/** Beyond so many the oldest are lost; the other end has them as well. */
const MAX_WAITING = 1_000;
/** The tracker is asked again after this, ms. */
const RETRY_MS = 5_000;
/** A peer that ends waits so long for its last receipts, ms: `xit` takes no more than two seconds. */
const LAST_MS = 400;

/** Trying again later may work. */
const PASSING: ReadonlySet<PeerErrorCode> = new Set(['tracker-unreachable', 'too-many', 'internal']);

export class ReceiptBox implements Part {
  readonly #waiting: Receipt[] = [];
  readonly #coming = new Set<Promise<void>>();
  readonly #over = new AbortController();
  #work: Promise<void> | undefined;

  constructor(
    private readonly tracker: Pick<TrackerClient, 'request'>,
    private readonly clock: Clock,
  ) {}

  hand(receipt: Receipt): void {
    if (this.#over.signal.aborted) return;
    this.#waiting.push(receipt);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    this.#work ??= this.#handAll().finally(() => {
      this.#work = undefined;
    });
  }

  /** A receipt is being signed at the other end: the peer does not end meanwhile. */
  expect(coming: Promise<void>): Promise<void> {
    this.#coming.add(coming);
    return coming.finally(() => this.#coming.delete(coming));
  }

  async stop(): Promise<void> {
    using deadline = withDeadline(new AbortController().signal, LAST_MS, this.clock);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    deadline.signal.addEventListener('abort', () => resolve(), { once: true });
    await Promise.race([Promise.allSettled(this.#coming).then(() => this.#work), late]);
    this.#over.abort(new PeerError({ code: 'interrupted', message: 'The peer is ending.' }));
    await this.#work;
  }

  async #handAll(): Promise<void> {
    const { signal } = this.#over;
    for (let [first] = this.#waiting; first !== undefined && !signal.aborted; [first] = this.#waiting) {
      try {
        await this.tracker.request('receipt', first, { signal });
        this.#takeOut(first);
      } catch (error) {
        if (signal.aborted) return;
        // Otherwise the tracker will never take it, such as one of an earlier version.
        const mayBeTaken = error instanceof PeerError && PASSING.has(error.code);
        if (this.#takeOut(first) && mayBeTaken) this.#waiting.push(first); // it may be the only one that is not: the next go first
        if (mayBeTaken) await sleep(RETRY_MS, { signal, clock: this.clock }).catch(() => undefined); // ended: the loop's condition sees it
      }
    }
  }

  /** False: too many have come since, and it was given up. */
  #takeOut(receipt: Receipt): boolean {
    const index = this.#waiting.indexOf(receipt);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }
}
