/**
 * How many TLS handshakes are under way at once, in all and from one source; further connections wait unread for their turn.
 * Attacker: who opens connections and never speaks; he holds his own places until the deadline, and others' not at all.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import { plainHost, sourceOf } from '../registry/addresses.js';

export const MAX_PENDING_HANDSHAKES = 256;
export const MAX_PENDING_PER_SOURCE = 8;
/** Connections that may wait for a place, in all and from one source; more are closed at once. */
const MAX_WAITING = 2_048;
const MAX_WAITING_PER_SOURCE = 512;

interface Guest {
  readonly socket: Socket;
  readonly source: string;
  state: 'waiting' | 'pending' | 'done';
}

export class HandshakeGate {
  readonly #waiting = new Set<Guest>();
  readonly #guests = new Map<Socket, Guest>();
  readonly #countBySource = new Map<string, { pending: number; waiting: number }>();
  #pending = 0;

  /** `begin` starts the handshake on a connection whose turn has come; `deadlineMs` is for waiting and handshake together. */
  constructor(
    private readonly begin: (socket: Socket) => void,
    private readonly clock: Clock,
    private readonly deadlineMs: number,
  ) {}

  enter(socket: Socket): void {
    const guest: Guest = { socket, source: sourceOf(plainHost(socket.remoteAddress ?? '')), state: 'waiting' };
    const waiting = this.#countBySource.get(guest.source)?.waiting ?? 0;
    if (this.#waiting.size >= MAX_WAITING || waiting >= MAX_WAITING_PER_SOURCE) {
      socket.destroy();
      return;
    }
    this.#guests.set(socket, guest);
    this.#waiting.add(guest);
    this.#countsOf(guest.source).waiting += 1;
    const timer = this.clock.setTimer(() => {
      if (guest.state !== 'done') socket.destroy();
    }, this.deadlineMs);
    timer.unref();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      timer.cancel();
      this.leave(socket);
    });
    this.#admit();
  }

  /** The handshake on it is over, well or badly. */
  leave(socket: Socket): void {
    const guest = this.#guests.get(socket);
    if (guest === undefined) return;
    this.#guests.delete(socket);
    const counts = this.#countsOf(guest.source);
    if (guest.state === 'pending') {
      this.#pending -= 1;
      counts.pending -= 1;
    } else if (this.#waiting.delete(guest)) {
      counts.waiting -= 1;
    }
    guest.state = 'done';
    if (counts.pending + counts.waiting === 0) this.#countBySource.delete(guest.source);
    this.#admit();
  }

  /** Closes whoever has not come through yet. */
  close(): void {
    for (const socket of this.#guests.keys()) socket.destroy();
  }

  #admit(): void {
    for (const guest of this.#waiting) {
      if (this.#pending >= MAX_PENDING_HANDSHAKES) return;
      const counts = this.#countsOf(guest.source);
      if (counts.pending >= MAX_PENDING_PER_SOURCE) continue;
      this.#waiting.delete(guest);
      counts.waiting -= 1;
      counts.pending += 1;
      this.#pending += 1;
      guest.state = 'pending';
      this.begin(guest.socket);
    }
  }

  #countsOf(source: string): { pending: number; waiting: number } {
    const counts = this.#countBySource.get(source) ?? { pending: 0, waiting: 0 };
    this.#countBySource.set(source, counts);
    return counts;
  }
}
