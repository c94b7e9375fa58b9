import { MAX_UNACKNOWLEDGED } from '../../common/protocol/limits.js';

/**
 * Acknowledgements of one session that are not in the store yet, because it could not write (a full disk) or the request that brought them
 * was refused. A client says each of them once: forgotten here, its outcome would take a place until the session ends.
 */
export class OwedAcks {
  /** Absent while there are none, as in nearly all of very many sessions. */
  #ids: Set<string> | undefined;

  get isEmpty(): boolean {
    return this.#ids === undefined;
  }

  get all(): readonly string[] {
    return [...(this.#ids ?? [])];
  }

  /** Beyond as many as can be true the oldest go. */
  owe(ids: readonly string[]): void {
    if (ids.length === 0) return;
    const owed = new Set([...this.all, ...ids]);
    for (const id of owed) if (owed.size > MAX_UNACKNOWLEDGED) owed.delete(id);
    this.#ids = owed;
  }

  stored(ids: readonly string[]): void {
    for (const id of ids) this.#ids?.delete(id);
    if (this.#ids?.size === 0) this.#ids = undefined;
  }
}
