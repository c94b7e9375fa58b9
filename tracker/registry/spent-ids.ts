import { UDP_GIVE_UP_MS } from '../../common/protocol/limits.js';

/** An older copy of a request may be on its way so long. */
const REMEMBERED_MS = 2 * UDP_GIVE_UP_MS;
/** A session that acknowledges more than a hundred mutations a second gives up the oldest sooner. */
const MAX_IDS = 1_024;

/**
 * Mutations of one session that its client has acknowledged a moment ago. Their outcomes are forgotten, so an older copy of such a request
 * must not reach the store, which would apply it again. In memory: what comes over a connection, or sealed by a key, of before a restart
 * is refused as that.
 */
export class SpentIds {
  /** Monotonic ms, the oldest first. Most sessions change nothing, and need none. */
  #acknowledgedAt: Map<string, number> | undefined;

  /** `now`: monotonic ms. */
  add(ids: readonly string[], now: number): void {
    if (ids.length === 0) return;
    this.#acknowledgedAt ??= new Map();
    for (const id of ids) this.#acknowledgedAt.set(id, now);
    for (const [id, at] of this.#acknowledgedAt) {
      if (at > now - REMEMBERED_MS && this.#acknowledgedAt.size <= MAX_IDS) return;
      this.#acknowledgedAt.delete(id);
    }
  }

  has(id: string): boolean {
    return this.#acknowledgedAt?.has(id) === true;
  }
}
