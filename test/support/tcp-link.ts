// One connection through the TCP proxy: two sockets and a pump in each direction.
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { type Readable, Transform } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Direction, Endpoint } from './fault-direction.js';
import type { RateLimit } from './rate.js';
import { integerBetween, type Random, randomFrom, subSeed } from './seed.js';

/** Bytes that may be under way in a delayed direction: enough for 1 Gbit/s at 60 ms. */
const MAX_DELAYED_BYTES = 8 * 1024 * 1024;

/** Faults of connections; byte positions count from the start of each connection, in the direction of `faultsIn`. */
export interface TcpFaults {
  /** Shared by all connections, for each direction alone. */
  readonly rateBytesPerSecond?: number;
  /** Added to every byte without slowing the flow; fixed when a connection opens. */
  readonly delayMs?: number;
  /** Passes on pieces of at most this size, drawn from the seed. */
  readonly splitBytes?: number;
  /** Breaks the connection with RST after so many bytes, or a number drawn from this range for each connection. */
  readonly resetAfterBytes?: number | readonly [min: number, max: number];
  /** One bit of the byte at this position is turned. */
  readonly corruptAt?: number;
  /** After so many bytes (`true`: from the start) everything is swallowed and nobody is told, not even of an end. */
  readonly halfOpen?: boolean | number;
  /** Where `resetAfterBytes`, `corruptAt` and `halfOpen` count; the default is 'toClient'. */
  readonly faultsIn?: Direction;
}

interface LinkContext {
  readonly index: number;
  readonly seed: number;
  faults(): TcpFaults;
  rate(direction: Direction): RateLimit | undefined;
  /** A promise while the proxy is paused. */
  gate(): Promise<void> | undefined;
  onBytes(direction: Direction, bytes: Buffer): void;
}

export interface TcpLink {
  /** Fulfilled when both sockets are closed; never rejected. */
  readonly closed: Promise<void>;
  /** Breaks both connections with RST, once what was written has left. */
  destroy(): void;
  /** Drops both connections at once, whatever waits in them. */
  drop(): void;
}

export function openLink(client: Socket, targetEndpoint: Endpoint, context: LinkContext): TcpLink {
  const target = createConnection({ ...targetEndpoint, allowHalfOpen: true, noDelay: true });
  const link = new Link(client, target, context);
  return { closed: link.run(), destroy: () => link.destroy(), drop: () => link.drop() };
}

class Link {
  readonly #sockets: Record<Direction, Socket>;
  readonly #context: LinkContext;
  readonly #broken = new AbortController();
  /** From 0 to 1: where in the range of `resetAfterBytes` this connection breaks. */
  readonly #resetDraw: number;
  #isSwallowing = false;

  /** A socket's name is the direction of the bytes that are written to it. */
  constructor(client: Socket, target: Socket, context: LinkContext) {
    this.#sockets = { toClient: client, toTarget: target };
    this.#context = context;
    this.#resetDraw = randomFrom(subSeed(context.seed, 'reset', context.index))();
  }

  async run(): Promise<void> {
    const { toClient: client, toTarget: target } = this.#sockets;
    const closed = [client, target].map((socket) => this.#watch(socket));
    await Promise.allSettled([this.#pump(client, 'toTarget'), this.#pump(target, 'toClient')]);
    if (!this.#swallows()) for (const socket of [client, target]) socket.destroySoon();
    await Promise.all(closed);
  }

  destroy(): void {
    this.#broken.abort();
    for (const socket of Object.values(this.#sockets)) socket.resetAndDestroy();
  }

  drop(): void {
    this.#broken.abort();
    for (const socket of Object.values(this.#sockets)) socket.destroy();
  }

  /** An error at one end is passed on as a reset at the other, except across a half-open connection. */
  #watch(socket: Socket): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.once('error', () => void this.#passOnError());
    socket.once('close', () => resolve());
    return promise;
  }

  async #passOnError(): Promise<void> {
    await this.#context.gate();
    if (!this.#swallows()) this.destroy();
  }

  #swallows(): boolean {
    this.#isSwallowing ||= this.#context.faults().halfOpen === true;
    return this.#isSwallowing;
  }

  async #pump(from: Socket, direction: Direction): Promise<void> {
    const random = randomFrom(subSeed(this.#context.seed, 'tcp', this.#context.index, direction));
    const { delayMs = 0 } = this.#context.faults();
    const source: Readable = delayMs > 0 ? this.#delayed(from, delayMs) : from;
    let passed = 0;
    for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (let rest = chunk; rest.length > 0; ) {
        const piece = rest.subarray(0, this.#pieceBytes(direction, random));
        rest = rest.subarray(piece.length);
        await this.#forward(piece, direction, passed);
        passed += piece.length;
      }
    }
    await this.#context.gate();
    if (!this.#swallows()) this.#sockets[direction].end();
  }

  #delayed(from: Socket, delayMs: number): Readable {
    const line = new DelayLine(delayMs);
    this.#broken.signal.addEventListener('abort', () => line.destroy(), { once: true });
    return from.pipe(line);
  }

  #pieceBytes(direction: Direction, random: Random): number {
    const { splitBytes } = this.#context.faults();
    const limit = this.#context.rate(direction)?.pieceBytes ?? Number.POSITIVE_INFINITY;
    return splitBytes === undefined ? limit : Math.min(limit, integerBetween(random, 1, splitBytes));
  }

  /** `start` is the position of the piece in its direction. */
  async #forward(piece: Buffer, direction: Direction, start: number): Promise<void> {
    await this.#context.gate();
    await this.#context.rate(direction)?.take(piece.length, this.#broken.signal);
    const faults = this.#context.faults();
    if (direction !== (faults.faultsIn ?? 'toClient')) return this.#write(piece, direction);
    turnOneBit(piece, (faults.corruptAt ?? -1) - start);
    const vanishAt = typeof faults.halfOpen === 'number' ? faults.halfOpen : Number.POSITIVE_INFINITY;
    const resetAt = resetPosition(faults, this.#resetDraw);
    const left = Math.min(vanishAt, resetAt) - start;
    await this.#write(piece.subarray(0, Math.max(0, left)), direction);
    if (piece.length < left) return;
    if (vanishAt <= resetAt) this.#isSwallowing = true;
    else this.destroy();
  }

  async #write(bytes: Buffer, direction: Direction): Promise<void> {
    if (this.#swallows() || bytes.length === 0) return;
    const to = this.#sockets[direction];
    this.#context.onBytes(direction, bytes);
    if (!to.write(bytes)) await once(to, 'drain', { signal: this.#broken.signal });
    if (this.#context.faults().splitBytes !== undefined) await nextTurn(); // lets the receiver see the border
  }
}

/** Hands bytes on a fixed time after they came, many at once, and stops taking more when too many are under way. */
class DelayLine extends Transform {
  readonly #delayMs: number;
  #bytes = 0;
  #takeMore: (() => void) | undefined;

  constructor(delayMs: number) {
    super();
    this.#delayMs = delayMs;
  }

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#bytes += chunk.length;
    setTimeout(() => {
      this.#bytes -= chunk.length;
      if (!this.destroyed) this.push(chunk);
      this.#takeMore?.();
      this.#takeMore = undefined;
    }, this.#delayMs);
    if (this.#bytes < MAX_DELAYED_BYTES) done();
    else this.#takeMore = done;
  }

  override _flush(done: () => void): void {
    setTimeout(done, this.#delayMs);
  }
}

function resetPosition({ resetAfterBytes = Number.POSITIVE_INFINITY }: TcpFaults, draw: number): number {
  if (typeof resetAfterBytes === 'number') return resetAfterBytes;
  return integerBetween(() => draw, ...resetAfterBytes);
}

function turnOneBit(piece: Buffer, position: number): void {
  const byte = piece[position];
  if (byte !== undefined) piece[position] = byte ^ 1;
}
