/**
 * Tells the store which publications have a source: whole devices, and single publications that are held or were published apart.
 * Changes gather until somebody searches.
 */
import type { DeviceKey, Store } from '../store/store.js';
import type { Session } from './session.js';

export class LiveIndex {
  readonly #holdersById = new Map<string, Set<Session>>();
  readonly #devices = new Map<string, DeviceKey & { isLive: boolean }>();
  readonly #publications = new Map<string, boolean>();

  constructor(private readonly store: Pick<Store, 'setLive'>) {}

  setDevice({ user, device }: DeviceKey, isLive: boolean): void {
    this.#devices.set(`${user}/${device}`, { user, device, isLive });
  }

  add(publicationId: string, session: Session): void {
    const holders = this.#holdersById.get(publicationId) ?? new Set();
    if (holders.size === 0) this.#publications.set(publicationId, true);
    holders.add(session);
    this.#holdersById.set(publicationId, holders);
  }

  remove(publicationId: string, session: Session): void {
    const holders = this.#holdersById.get(publicationId);
    if (holders === undefined || !holders.delete(session) || holders.size > 0) return;
    this.#holdersById.delete(publicationId);
    this.#publications.set(publicationId, false);
  }

  /** Sends what has changed; a search asked after it sees it. */
  async flush(): Promise<void> {
    if (this.#devices.size + this.#publications.size === 0) return;
    const devices = [...this.#devices.values()];
    const publications = [...this.#publications].map(([publicationId, isLive]) => ({ publicationId, isLive }));
    this.#devices.clear();
    this.#publications.clear();
    await this.store.setLive({ devices, publications });
  }
}
