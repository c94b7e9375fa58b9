/**
 * How many TLS handshakes are under way at once, in all and from one source; further connections wait unread for their turn.
 * Attacker: who opens connections and never speaks; he holds his own places until the deadline. Many addresses that hold all of them lose
 * some to each address that has fewer.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import { plainHost, sourceOf } from '../registry/addresses.js';

export const MAX_PENDING_HANDSHAKES = 256;
export const MAX_PENDING_PER_SOURCE = 8;
/** Connections that may wait for a place, in all and from one source; more are closed at once. */
const MAX_WAITING = 2_048;
const MAX_WAITING_PER_SOURCE = 512;
/** A handshake that gets on is through by then, also when thousands come back at once; until then nobody takes its place. */
export const HANDSHAKE_GRACE_MS = 1_000;

interface Counts {
  pending: number;
  waiting: number;
}

interface Guest {
  readonly socket: Socket;
  readonly source: string;
  /** Of its source. */
  readonly counts: Counts;
  state: 'waiting' | 'pending' | 'done';
  /** When it was let in, monotonic ms. */
  begunAt: number;
}

export class HandshakeGate {
  readonly #waiting = new Set<Guest>();
  readonly #guests = new Map<Socket, Guest>();
  readonly #countBySource = new Map<string, Counts>();
  #pending = 0;

  /** `begin` starts the handshake on a connection whose turn has come; `deadlineMs` is for waiting and handshake together. */
  constructor(
    private readonly begin: (socket: Socket) => void,
    private readonly clock: Clock,
    private readonly deadlineMs: number,
  ) {}

  enter(socket: Socket): void {
    const source = sourceOf(plainHost(socket.remoteAddress ?? ''));
    if (!this.#mayWait(source)) {
      socket.destroy();
      return;
    }
    const guest: Guest = { socket, source, counts: this.#countsOf(source), state: 'waiting', begunAt: 0 };
    this.#guests.set(socket, guest);
    this.#waiting.add(guest);
    guest.counts.waiting += 1;
    const timer = this.clock.setTimer(() => {
      if (guest.state !== 'done') socket.destroy();
    }, this.deadlineMs);
    timer.unref();
    const retry = this.clock.setTimer(() => this.#takeFromRival(guest), HANDSHAKE_GRACE_MS);
    retry.unref();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      timer.cancel();
      retry.cancel();
      this.leave(socket);
    });
    this.#admit();
    this.#takeFromRival(guest);
  }

  /** The handshake on it is over, well or badly. */
  leave(socket: Socket): void {
    const guest = this.#guests.get(socket);
    if (guest === undefined) return;
    this.#guests.delete(socket);
    const { counts } = guest;
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
      if (guest.counts.pending < MAX_PENDING_PER_SOURCE) this.#letIn(guest);
    }
  }

  #letIn(guest: Guest): void {
    this.#waiting.delete(guest);
    guest.counts.waiting -= 1;
    guest.counts.pending += 1;
    this.#pending += 1;
    guest.state = 'pending';
    guest.begunAt = this.clock.monotonic();
    this.begin(guest.socket);
  }

  /** Where all wait, the first one of a source with more of them makes room. */
  #mayWait(source: string): boolean {
    const { waiting } = this.#countBySource.get(source) ?? { waiting: 0 };
    if (waiting >= MAX_WAITING_PER_SOURCE) return false;
    if (this.#waiting.size < MAX_WAITING) return true;
    const rival = this.#waiting.values().find(({ counts }) => counts.waiting > waiting + 1);
    if (rival !== undefined) this.#turnOut(rival);
    return rival !== undefined;
  }

  /** Where all are busy, the first one of a source with more of them makes room, unless it may still get on. */
  #takeFromRival(guest: Guest): void {
    if (guest.state !== 'waiting') return;
    const most = guest.counts.pending + 1;
    if (most > MAX_PENDING_PER_SOURCE) return;
    const begunBefore = this.clock.monotonic() - HANDSHAKE_GRACE_MS;
    const rival = this.#guests
      .values()
      .find(({ state, begunAt, counts }) => state === 'pending' && begunAt <= begunBefore && counts.pending > most);
    if (rival === undefined) return;
    this.#letIn(guest); // first: a place that gets free is for who waits longest
    this.#turnOut(rival);
  }

  #turnOut({ socket }: Guest): void {
    this.leave(socket);
    socket.destroy();
  }

  #countsOf(source: string): Counts {
    const counts = this.#countBySource.get(source) ?? { pending: 0, waiting: 0 };
    this.#countBySource.set(source, counts);
    return counts;
  }
}
