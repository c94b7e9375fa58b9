// A UDP proxy that loses, doubles, delays, reorders, cuts and corrupts datagrams. What happens to the n-th datagram of a
// client in one direction follows from the seed alone, whatever the timing.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { bothDirections, type Direction, type Endpoint } from './fault-direction.js';
import { integerBetween, type Random, randomFrom, subSeed } from './seed.js';

/** A datagram kept back to be overtaken goes out alone when nothing follows it. */
const REORDER_HOLD_MS = 50;
const MAX_RECORDED_BYTES = 64 * 1024 * 1024;

/** Chances from 0 to 1. */
export interface UdpFaults {
  readonly loss?: number;
  readonly duplicate?: number;
  /** Sent after the datagram that follows it. */
  readonly reorder?: number;
  /** One bit is turned. */
  readonly corrupt?: number;
  /** Cut to a shorter length, possibly 0. */
  readonly truncate?: number;
  /** Delay drawn for each datagram; differing delays reorder too, as in a real network. */
  readonly delayMs?: readonly [min: number, max: number];
  /** Faults in one direction only; the other is clean. */
  readonly only?: Direction;
}

/** Decides before the faults: `false` drops the datagram, bytes replace it. */
export type UdpFilter = (datagram: Buffer, direction: Direction) => boolean | undefined | Buffer;

export interface UdpProxyOptions extends UdpFaults {
  readonly target: Endpoint;
  readonly host?: string;
  readonly port?: number;
  readonly seed?: number;
  readonly filter?: UdpFilter;
}

export interface UdpCounters {
  /** Arrived at the proxy. */
  seen: number;
  filtered: number;
  dropped: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
  truncated: number;
  /** Sent on, duplicates included. */
  delivered: number;
}

export interface RecordedDatagram {
  readonly direction: Direction;
  /** Clients are numbered in the order of their first datagram. */
  readonly client: number;
  /** As it arrived, before any fault. */
  readonly bytes: Buffer;
}

/** One direction of one client. */
interface Path {
  readonly random: Random;
  readonly send: (bytes: Buffer) => void;
  held: { readonly bytes: Buffer; readonly timer: NodeJS.Timeout } | undefined;
}

interface Client {
  readonly index: number;
  readonly address: RemoteInfo;
  readonly paths: Record<Direction, Path>;
  outward: Socket;
}

/** Starts a proxy on a free loopback port, or on `host` and `port`. */
export async function startUdpProxy(options: UdpProxyOptions): Promise<UdpProxy> {
  const host = options.host ?? '127.0.0.1';
  const inward = await bound(host, options.port ?? 0);
  return new UdpProxy(inward, options);
}

export class UdpProxy implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly counters = bothDirections(noneCounted);
  /** Every datagram in the order of arrival, up to 64 MiB. */
  readonly datagrams: RecordedDatagram[] = [];
  filter: UdpFilter | undefined;
  readonly #inward: Socket;
  readonly #target: Endpoint;
  readonly #seed: number;
  readonly #clients = new Map<string, Promise<Client>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #faults: UdpFaults;
  #recordedBytes = 0;
  #isClosed = false;

  constructor(inward: Socket, options: UdpProxyOptions) {
    ({ address: this.host, port: this.port } = inward.address());
    this.#inward = inward;
    this.#target = options.target;
    this.#seed = options.seed ?? 1;
    this.#faults = options;
    this.filter = options.filter;
    inward.on('message', (bytes, from) => void this.#fromClient(bytes, from));
  }

  /** Whether everything that arrived is in `datagrams`. */
  get isRecordComplete(): boolean {
    return this.#recordedBytes <= MAX_RECORDED_BYTES;
  }

  /** Replaces all faults from now on; `{}` makes a clean network. */
  setFaults(faults: UdpFaults): void {
    this.#faults = faults;
  }

  /** The ports from which the target sees the clients, in the order of the clients. */
  async sourcePorts(): Promise<number[]> {
    return (await Promise.all(this.#clients.values())).map((client) => client.outward.address().port);
  }

  /** Gives every client a new source port, as a NAT does that forgot its table; replies to the old ones are lost. */
  async changeSourcePort(): Promise<void> {
    for (const client of await Promise.all(this.#clients.values())) {
      const old = client.outward;
      client.outward = await this.#outwardSocket(() => client);
      old.close();
    }
  }

  /** Sends bytes to the target from a client's source port, as an eavesdropper on the path could. */
  async injectToTarget(bytes: Uint8Array, clientIndex = 0): Promise<void> {
    const client = await this.#clientAt(clientIndex);
    client.outward.send(bytes, this.#target.port, this.#target.host);
  }

  /** Sends bytes to a client from the proxy's port, as if they came from the target. */
  async injectToClient(bytes: Uint8Array, clientIndex = 0): Promise<void> {
    const { address } = await this.#clientAt(clientIndex);
    this.#inward.send(bytes, address.port, address.address);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const clients = await Promise.all(this.#clients.values());
    const sockets = [this.#inward, ...clients.map((client) => client.outward)];
    await Promise.all(
      sockets.map(async (socket) => {
        const closed = once(socket, 'close');
        socket.close();
        await closed;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #fromClient(bytes: Buffer, from: RemoteInfo): Promise<void> {
    if (this.#isClosed) return;
    const key = `${from.address} ${from.port}`;
    const pending = this.#clients.get(key) ?? this.#newClient(from);
    this.#clients.set(key, pending);
    this.#pass(await pending, 'toTarget', bytes);
  }

  async #newClient(address: RemoteInfo): Promise<Client> {
    const index = this.#clients.size;
    const outward = await this.#outwardSocket(() => client);
    const path = (direction: Direction, send: (bytes: Buffer) => void): Path => ({
      random: randomFrom(subSeed(this.#seed, 'udp', index, direction)),
      send,
      held: undefined,
    });
    const client: Client = {
      index,
      address,
      outward,
      paths: {
        toTarget: path('toTarget', (bytes) => client.outward.send(bytes, this.#target.port, this.#target.host)),
        toClient: path('toClient', (bytes) => this.#inward.send(bytes, address.port, address.address)),
      },
    };
    return client;
  }

  async #outwardSocket(owner: () => Client): Promise<Socket> {
    const socket = await bound(isIPv6(this.#target.host) ? '::1' : '127.0.0.1', 0);
    socket.on('message', (bytes, from) => {
      if (from.port === this.#target.port) this.#pass(owner(), 'toClient', bytes);
    });
    return socket;
  }

  async #clientAt(index: number): Promise<Client> {
    const client = (await Promise.all(this.#clients.values()))[index];
    if (client === undefined) throw new RangeError(`no client ${index} has sent anything yet`);
    return client;
  }

  #pass(client: Client, direction: Direction, arrived: Buffer): void {
    this.counters[direction].seen += 1;
    this.#record({ client: client.index, direction, bytes: arrived });
    const verdict = this.filter?.(arrived, direction) ?? true;
    if (verdict === false) {
      this.counters[direction].filtered += 1;
      return;
    }
    this.#distort(client.paths[direction], direction, verdict === true ? arrived : verdict);
  }

  /** Draws the same number of chances for every datagram, so that one fault does not shift the fate of later ones. */
  #distort(path: Path, direction: Direction, datagram: Buffer): void {
    const chance = Array.from({ length: 7 }, path.random);
    const counters = this.counters[direction];
    const faults = this.#faults.only === undefined || this.#faults.only === direction ? this.#faults : {};
    const happens = (draw: number, likelihood = 0): boolean => (chance[draw] ?? 1) < likelihood;
    if (happens(0, faults.loss)) {
      counters.dropped += 1;
      return;
    }
    let bytes = datagram;
    if (happens(1, faults.corrupt) && bytes.length > 0) {
      counters.corrupted += 1;
      bytes = withOneBitTurned(bytes, chance[5] ?? 0);
    }
    if (happens(2, faults.truncate)) {
      counters.truncated += 1;
      bytes = bytes.subarray(0, Math.floor((chance[5] ?? 0) * bytes.length));
    }
    const copies = happens(3, faults.duplicate) ? 2 : 1;
    counters.duplicated += copies - 1;
    const isHeldBack = happens(4, faults.reorder);
    for (let copy = 0; copy < copies; copy += 1) {
      const [min, max] = faults.delayMs ?? [0, 0];
      const delayMs = copy === 0 ? integerBetween(() => chance[6] ?? 0, min, max) : max;
      const send = (): void => this.#send(path, direction, bytes, isHeldBack);
      if (delayMs === 0) send();
      else this.#after(delayMs, send);
    }
  }

  #send(path: Path, direction: Direction, bytes: Buffer, isHeldBack: boolean): void {
    const { held } = path;
    if (isHeldBack && held === undefined) {
      path.held = { bytes, timer: this.#after(REORDER_HOLD_MS, () => this.#release(path, direction)) };
      return;
    }
    this.#deliver(path, direction, bytes);
    if (held !== undefined) {
      this.counters[direction].reordered += 1;
      this.#release(path, direction);
    }
  }

  #release(path: Path, direction: Direction): void {
    if (path.held === undefined) return;
    const { bytes, timer } = path.held;
    clearTimeout(timer);
    this.#timers.delete(timer);
    path.held = undefined;
    this.#deliver(path, direction, bytes);
  }

  #deliver(path: Path, direction: Direction, bytes: Buffer): void {
    if (this.#isClosed) return;
    this.counters[direction].delivered += 1;
    path.send(bytes);
  }

  #after(ms: number, work: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #record(datagram: RecordedDatagram): void {
    this.#recordedBytes += datagram.bytes.length;
    if (this.isRecordComplete) this.datagrams.push(datagram);
  }
}

function noneCounted(): UdpCounters {
  return { seen: 0, filtered: 0, dropped: 0, duplicated: 0, reordered: 0, corrupted: 0, truncated: 0, delivered: 0 };
}

function withOneBitTurned(bytes: Buffer, place: number): Buffer {
  const copy = Buffer.from(bytes);
  const bit = Math.floor(place * bytes.length * 8);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

async function bound(host: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  socket.bind(port, host);
  await once(socket, 'listening');
  return socket;
}
