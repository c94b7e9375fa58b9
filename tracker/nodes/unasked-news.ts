/** What was published while no search waits elsewhere, as far as is known here: one may have been saved a moment ago. */
import type { Clock } from '../../common/runtime/clock.js';
import type { NewPublication } from '../registry/matches.js';

/** A search is known at all nodes after this, ms. */
const KEPT_MS = 2_000;
/** Of more than this within that time the oldest are dropped: their finders find them when they look. */
const MAX_KEPT = 1_000;

export class UnaskedNews {
  #kept: { readonly publication: NewPublication; readonly at: number }[] = [];

  constructor(private readonly clock: Clock) {}

  add(publications: readonly NewPublication[]): void {
    const at = this.clock.monotonic();
    const fresh = publications.slice(-MAX_KEPT).map((publication) => ({ publication, at }));
    this.#kept = [...this.#kept.filter((one) => at - one.at < KEPT_MS), ...fresh].slice(-MAX_KEPT);
  }

  take(): NewPublication[] {
    const now = this.clock.monotonic();
    const taken = this.#kept.filter(({ at }) => now - at < KEPT_MS);
    this.#kept = [];
    return taken.map(({ publication }) => publication);
  }
}
