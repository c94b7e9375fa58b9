import { MAX_UNACKNOWLEDGED } from '../../common/protocol/limits.js';

/**
 * Acknowledgements of one session that are not in the store yet, because it could not write (a full disk) or the request that brought them
 * was refused. A client says each of them once: forgotten here, its outcome would take a place until the session ends.
 */
export class OwedAcks {
  readonly #ids = new Set<string>();

  get isEmpty(): boolean {
    return this.#ids.size === 0;
  }

  /** These and all that are owed. */
  with(ids: readonly string[]): readonly string[] {
    if (this.isEmpty && ids.length === 0) return ids;
    return [...this.#ids.union(new Set(ids))];
  }

  /** Beyond as many as can be true the oldest go. */
  owe(ids: readonly string[]): void {
    for (const id of ids) this.#ids.add(id);
    for (const id of this.#ids) if (this.#ids.size > MAX_UNACKNOWLEDGED) this.#ids.delete(id);
  }

  stored(ids: readonly string[]): void {
    for (const id of ids) this.#ids.delete(id);
  }
}
