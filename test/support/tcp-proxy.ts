// A TCP proxy that slows, stalls, splits, corrupts, resets and loses connections, and counts what went through.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { bothDirections, type Direction, type Endpoint } from './fault-direction.js';
import { RateLimit } from './rate.js';
import { openLink, type TcpFaults, type TcpLink } from './tcp-link.js';

const MAX_RECORDED_BYTES = 16 * 1024 * 1024;

export interface TcpProxyOptions extends TcpFaults {
  readonly target: Endpoint;
  readonly host?: string;
  readonly port?: number;
  readonly seed?: number;
}

/** Starts a proxy on a free loopback port, or on `host` and `port`. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  return new TcpProxy(server, options);
}

export class TcpProxy implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Bytes that were passed on. */
  readonly bytes: Record<Direction, number> = { toTarget: 0, toClient: 0 };
  /** Connections accepted so far. */
  connections = 0;
  readonly #server: Server;
  readonly #target: Endpoint;
  readonly #seed: number;
  readonly #links = new Set<TcpLink>();
  readonly #records: Record<Direction, Buffer[]>[] = [];
  #recordedBytes = 0;
  #faults: TcpFaults;
  #rates: Record<Direction, RateLimit> | undefined;
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(server: Server, options: TcpProxyOptions) {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    this.host = address.address;
    this.port = address.port;
    this.#server = server;
    this.#target = options.target;
    this.#seed = options.seed ?? 1;
    this.#faults = options;
    this.#rates = ratesOf(options);
    server.on('connection', (socket: Socket) => this.#accept(socket));
  }

  /** Connections that neither end has closed. */
  get openConnections(): number {
    return this.#links.size;
  }

  /** Whether everything that was passed on is in `recorded`; only the first 16 MiB are kept. */
  get isRecordComplete(): boolean {
    return this.#recordedBytes <= MAX_RECORDED_BYTES;
  }

  /** What was passed on in one direction, of one connection (counted from 0) or of all, one after the other. */
  recorded(direction: Direction, connection?: number): Buffer {
    const chosen = connection === undefined ? this.#records : this.#records.slice(connection, connection + 1);
    return Buffer.concat(chosen.flatMap((record) => record[direction]));
  }

  /** Replaces all faults from now on, also of open connections; `{}` makes a clean network. */
  setFaults(faults: TcpFaults): void {
    if (faults.rateBytesPerSecond !== this.#faults.rateBytesPerSecond) this.#rates = ratesOf(faults);
    this.#faults = faults;
  }

  /** Stalls all connections, new ones too: nothing passes, nothing ends, nothing more is read. */
  pause(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  resume(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** Breaks every open connection with RST, as a rebooted router does; new ones are accepted. */
  killAll(): void {
    for (const link of this.#links) link.destroy();
  }

  async close(): Promise<void> {
    this.resume();
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    const links = [...this.#links];
    for (const link of links) link.drop();
    await Promise.all([closed, ...links.map((link) => link.closed)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(client: Socket): void {
    if (!this.#server.listening) {
      client.destroy(); // It was under way when the proxy was closed.
      return;
    }
    const index = this.connections;
    this.connections += 1;
    const record = bothDirections((): Buffer[] => []);
    this.#records.push(record);
    const link = openLink(client, this.#target, {
      index,
      seed: this.#seed,
      faults: () => this.#faults,
      rate: (direction) => this.#rates?.[direction],
      gate: () => this.#gate?.promise,
      onBytes: (direction, bytes) => {
        this.bytes[direction] += bytes.length;
        this.#recordedBytes += bytes.length;
        if (this.isRecordComplete) record[direction].push(Buffer.from(bytes));
      },
    });
    this.#links.add(link);
    void link.closed.then(() => this.#links.delete(link));
  }
}

function ratesOf({ rateBytesPerSecond: rate }: TcpFaults): Record<Direction, RateLimit> | undefined {
  return rate === undefined ? undefined : bothDirections(() => new RateLimit(rate));
}
