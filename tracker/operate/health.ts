/** Whether a tracker is alive, and whether peers should be sent to it. */
import type { ErrorCode } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Store } from '../store/store.js';

/** The store answers within this, or counts as stuck. */
const ANSWER_MS = 2_000;
/** What a change ends with that the store could not take: `busy` of one that is locked. */
const NOT_WRITTEN: ReadonlySet<ErrorCode | 'ok'> = new Set(['storage', 'internal', 'busy']);

export class Health {
  isClosing = false;
  #writeProblem: ErrorCode | 'ok' | undefined;
  /** When this node last heard the others, monotonic ms; -Infinity: its last try has failed. Undefined where there are no others. */
  #heardAt: number | undefined;

  constructor(
    private readonly store: Pick<Store, 'revocations'>,
    private readonly clock: Clock,
    /** Starting this process anew does nothing for a database elsewhere. */
    private readonly isStoreElsewhere = false,
  ) {}

  /** The outcome of a request that changes the store. */
  noteWrite(code: ErrorCode | 'ok'): void {
    if (NOT_WRITTEN.has(code)) this.#writeProblem = code;
    else if (code === 'ok') this.#writeProblem = undefined;
  }

  /** Whether this node could just tell and hear the others through the store. */
  noteRound(hasWorked: boolean): void {
    this.#heardAt = hasWorked ? this.clock.monotonic() : -Infinity;
  }

  /** Why the process should be started anew; undefined when it is alive. */
  async livenessProblem(): Promise<string | undefined> {
    return this.isStoreElsewhere ? undefined : this.#storeProblem();
  }

  async #storeProblem(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const timer = this.clock.setTimer(() => resolve('the store does not answer'), ANSWER_MS);
    this.store.revocations(Number.MAX_SAFE_INTEGER, 1).then(
      () => resolve(undefined),
      () => resolve('the store cannot be read'),
    );
    const problem = await promise;
    timer.cancel();
    return problem;
  }

  /** Why no peer should be sent here now. */
  async readinessProblem(): Promise<string | undefined> {
    if (this.isClosing) return 'the tracker is shutting down';
    if (this.#writeProblem !== undefined)
      return `the store cannot be written (${this.#writeProblem}): look at its disk, or at the database`;
    if (this.#heardAt !== undefined && this.clock.monotonic() - this.#heardAt > ANSWER_MS)
      return 'the store that the nodes share cannot be reached or written: look at the database';
    return this.#storeProblem();
  }
}
