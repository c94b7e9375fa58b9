import type { DeviceKey, LiveChanges, PublicationRow } from './store.js';

/** Which publications have a source now, as the registry told: whole devices, and single publications besides. */
export class LiveSet {
  /** By their names alone: there may be very many. */
  readonly #devices = new Set<string>();
  readonly #publications = new Set<string>();

  apply({ devices, publications }: LiveChanges): void {
    for (const { user, device, isLive } of devices) {
      if (isLive) this.#devices.add(deviceName({ user, device }));
      else this.#devices.delete(deviceName({ user, device }));
    }
    for (const { publicationId, isLive } of publications) {
      if (isLive) this.#publications.add(publicationId);
      else this.#publications.delete(publicationId);
    }
  }

  has(row: PublicationRow): boolean {
    return (
      this.#publications.has(row.publicationId) ||
      this.#devices.has(deviceName({ user: row.owner, device: row.device }))
    );
  }

  get devices(): readonly DeviceKey[] {
    return [...this.#devices].map((name) => {
      const [user = '', device = ''] = name.split('/');
      return { user, device };
    });
  }

  get publications(): readonly string[] {
    return [...this.#publications];
  }

  /** What makes an empty set the same as this one. */
  get all(): LiveChanges {
    return {
      devices: this.devices.map((device) => ({ ...device, isLive: true })),
      publications: this.publications.map((publicationId) => ({ publicationId, isLive: true })),
    };
  }

  /** How many places a search would have to look at if it looked at live ones only. */
  get size(): number {
    return this.#devices.size + this.#publications.size;
  }
}

/** Pins have a fixed length and no "/", user names no "/" either: the name is unique. */
function deviceName({ user, device }: DeviceKey): string {
  return `${user}/${device}`;
}
