/**
 * One TLS connection to the tracker: requests out, replies matched by id, events handed up. It knows lines and ids, not what they mean;
 * `tracker-client.ts` opens it, logs in on it and decides what to do when it closes.
 */
import type { TLSSocket } from 'node:tls';
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import { encodeJson } from '../../common/protocol/json.js';
import { MAX_LINE_BYTES } from '../../common/protocol/limits.js';
import { parseIncoming } from '../../common/protocol/parse.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { LineDecoder } from '../../common/wire/line-decoder.js';
import { connectPinned, keyExchangeOf } from '../../common/wire/pinned-tls.js';
import { ChannelClosed } from './channel-closed.js';

const CONNECT_TIMEOUT_MS = 3_000;
const NEWLINE = Buffer.from('\n');

export interface TcpChannelOptions extends AbortOptions {
  readonly host: string;
  readonly port: number;
  readonly pin: string;
  readonly onEvent: (event: TrackerEvent) => void;
  readonly onClose: () => void;
}

interface Pending {
  resolve(reply: object): void;
  reject(error: Error): void;
}

export class TcpChannel {
  readonly #socket: TLSSocket;
  readonly #pendingById = new Map<string, Pending>();
  readonly #lines = new LineDecoder(MAX_LINE_BYTES);
  readonly #options: TcpChannelOptions;
  #isClosed = false;

  private constructor(
    socket: TLSSocket,
    readonly trackerSpki: Buffer,
    options: TcpChannelOptions,
  ) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => socket.destroy()); // the `close` that follows tells everybody who waits
    socket.on('close', () => this.#closed());
  }

  /** @throws {PinMismatchError} before a byte is sent; any other error means that no connection was made. */
  static async open(options: TcpChannelOptions): Promise<TcpChannel> {
    const { host, port, pin, signal } = options;
    const { socket, spki } = await connectPinned({
      host,
      port,
      pin,
      alpn: 'shoal-tracker/1',
      timeoutMs: CONNECT_TIMEOUT_MS,
      signal,
    });
    return new TcpChannel(socket, spki, options);
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Key exchange group of this connection, such as `X25519MLKEM768`. */
  get keyExchange(): string {
    return keyExchangeOf(this.#socket);
  }

  /** Sends one request and resolves with its reply. @throws {ChannelClosed} when the connection ends first. */
  async request(message: { readonly id: string }, { signal }: AbortOptions): Promise<object> {
    signal.throwIfAborted();
    if (this.#isClosed) throw new ChannelClosed();
    const { promise, resolve, reject } = Promise.withResolvers<object>();
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    this.#pendingById.set(message.id, { resolve, reject });
    try {
      this.#socket.write(Buffer.concat([encodeJson(message), NEWLINE]));
      return await promise;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#pendingById.delete(message.id);
    }
  }

  close(): void {
    this.#socket.destroy();
    this.#closed();
  }

  #read(bytes: Buffer): void {
    try {
      for (const line of this.#lines.push(bytes)) this.#take(line);
    } catch {
      this.#socket.destroy(); // the tracker broke the protocol: nothing after this can be trusted
    }
  }

  #take(line: Buffer): void {
    const incoming = parseIncoming(line);
    if (incoming.kind === 'event') this.#options.onEvent(incoming.event);
    else this.#pendingById.get(incoming.id)?.resolve(incoming.value);
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const pending of this.#pendingById.values()) pending.reject(new ChannelClosed());
    this.#pendingById.clear();
    this.#options.onClose();
  }
}
