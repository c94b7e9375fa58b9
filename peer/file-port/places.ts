/**
 * Who holds the places of a file port, and who gives one up when all are taken. Nobody is closed while there is room; then the oldest
 * connection of whoever holds most goes, so that one ticket, one link or one address cannot keep everybody else out.
 */
import type { Socket } from 'node:net';

import { sourceOf } from './source-of.js';

/** One connection's place. */
export interface Guest {
  /** It has shown a ticket or a link: it belongs to `owner` now, of whose connections `share` are never closed to make room. */
  prove(owner: string, share: number): void;
}

interface Place extends Guest {
  readonly socket: Socket;
  owner: string;
  share: number;
}

export class Places {
  /** Oldest first, by remote address and port: the TLS socket that comes later is another object than the one admitted. */
  readonly #places = new Map<string, Place>();

  constructor(private readonly most: number) {}

  get size(): number {
    return this.#places.size;
  }

  /** Gives the socket a place until it closes, or closes it when everybody holds no more than their share. */
  admit(socket: Socket): void {
    if (this.#places.size >= this.most && !this.#makeRoom()) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const place: Place = {
      socket,
      owner: `stranger ${sourceOf(socket.remoteAddress ?? '')}`,
      share: 0,
      prove(owner, share) {
        place.owner = owner;
        place.share = share;
      },
    };
    this.#places.set(key, place);
    socket.once('close', () => {
      if (this.#places.get(key) === place) this.#places.delete(key);
    });
  }

  /** The place of the connection under `socket`; undefined when it was given to another meanwhile. */
  guestOf(socket: Socket): Guest | undefined {
    return this.#places.get(keyOf(socket));
  }

  closeAll(): void {
    for (const { socket } of this.#places.values()) socket.destroy();
  }

  #makeRoom(): boolean {
    const found = this.#mostDispensable();
    if (found === undefined) return false;
    const [key, { socket }] = found;
    this.#places.delete(key);
    socket.destroy();
    return true;
  }

  /**
   * The oldest of the owner who is furthest above their share. The oldest of all would be wrong: a flood of new connections would then
   * close honest ones in the middle of their handshake.
   */
  #mostDispensable(): [string, Place] | undefined {
    const owners = new Map<string, { readonly oldest: [string, Place]; excess: number }>();
    for (const entry of this.#places) {
      const [, { owner, share }] = entry;
      const known = owners.get(owner);
      if (known === undefined) owners.set(owner, { oldest: entry, excess: 1 - share });
      else known.excess += 1;
    }
    let worst: { readonly oldest: [string, Place]; readonly excess: number } | undefined;
    for (const group of owners.values()) if (group.excess > (worst?.excess ?? 0)) worst = group;
    return worst?.oldest;
  }
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
