/**
 * One connection of the peer lane (docs/protocol.md "Peer lane"), the same whoever dialled: requests go both ways, answers find their
 * requester by number, runs go straight from the socket to whoever asked for them. It knows lines and limits, not what is served
 * (`peer/upload`) nor what is fetched (`peer/download`). It owns its socket; `close()` ends it.
 */
import type { TLSSocket } from 'node:tls';

import { ERROR_TEXTS, type ErrorCode, ProtocolError } from '../../common/protocol/errors.js';
import { encodeJson } from '../../common/protocol/json.js';
import { TCP_IDLE_MS } from '../../common/protocol/limits.js';
import { parsePeerLine } from '../../common/protocol/parse.js';
import type { PeerAnswer, PeerLine, PeerRequest } from '../../common/protocol/peer-messages.js';
import { type Clock, systemClock, type Timer } from '../../common/runtime/clock.js';
import { FrameDecoder } from './frame-decoder.js';
import type { ReadIntake } from './read-intake.js';
import type { RunBlock } from './run-block.js';
import { WriteWatch } from './write-watch.js';

/** A line that has begun has to end within this, ms. */
const LINE_DEADLINE_MS = 5_000;
/** Keep-alive probes find a partner that vanished without a word, ms. */
const KEEP_ALIVE_MS = 30_000;
/** Lines that the other end does not read may pile up to this, bytes; then it is closed. Runs wait for one another and are not counted. */
const MAX_UNREAD_LINE_BYTES = 256 * 1024;
/** Requests of ours that wait for their end. */
const MAX_OUTGOING = 1_024;

export type Opened = Extract<PeerAnswer, { type: 'opened' }>;
export type Receipted = Extract<PeerAnswer, { type: 'receipted' }>;
export type Queued = Extract<PeerAnswer, { type: 'queued' }>;
type WithoutId<T> = T extends { id: number } ? Omit<T, 'id'> : never;

/** Gets the answers to one request of ours. What it throws closes the connection and goes to `onClose`. */
export interface AnswerReceiver {
  onOpened?(answer: Opened): void;
  onQueued?(answer: Queued): void;
  onReceipted?(answer: Receipted): void;
  /** `bytes` bytes from `offset` follow in any number of `onBytes`. */
  onRun?(offset: number, bytes: number): void;
  /** A view that is good only during the call. */
  onBytes?(bytes: Buffer): void;
  onEnd(): void;
  onError(error: ProtocolError): void;
}

/** Answers the other end's requests. */
export interface PeerServer {
  onRequest(request: PeerRequest): void;
  onCancel(id: number): void;
  onBadChunk(ticketId: string, index: number, file?: string): void;
}

/** Hears what the other end says of what it serves. */
export interface PeerListener {
  onHave(ticketId: string, news: Pick<Extract<PeerAnswer, { type: 'have' }>, 'have' | 'entries' | 'file'>): void;
  onChanged(ticketId: string): void;
  onBye(): void;
}

export interface PeerConnectionOptions {
  /** The other device. */
  readonly pin: string;
  readonly clock?: Clock | undefined;
  /** What the socket was made with; without it its `data` events are read. */
  readonly intake?: ReadIntake;
  /** Closes the connection when no line comes within this, ms; for accepted connections. */
  readonly firstLineDeadlineMs?: number;
  /** Called when the other end has shown that it may be here, with the user it belongs to. */
  readonly onProven?: (user: string) => void;
  /** The other end says that it dialled because of a meeting with this token; for accepted connections. */
  readonly onBack?: ((connection: PeerConnection, token: string) => void) | undefined;
}

export class PeerConnection {
  readonly pin: string;
  /** `HOST:PORT` of the other end. */
  readonly address: string;
  readonly #socket: TLSSocket;
  readonly #clock: Clock;
  readonly #frames: FrameDecoder;
  readonly #watch: WriteWatch;
  readonly #receivers = new Map<number, AnswerReceiver>();
  readonly #closeListeners = new Set<(error?: Error) => void>();
  #server: PeerServer | undefined;
  #listener: PeerListener | undefined;
  #runReceiver: AnswerReceiver | undefined;
  #lastId = 0;
  #lineTimer: Timer | undefined;
  #idleTimer: Timer | undefined;
  #lastTrafficAt: number;
  #unreadLineBytes = 0;
  #isClosed = false;
  readonly #onProven: ((user: string) => void) | undefined;
  readonly #onBack: PeerConnectionOptions['onBack'];
  #closeReason: Error | undefined;

  constructor(socket: TLSSocket, options: PeerConnectionOptions) {
    const { pin, clock = systemClock, intake, firstLineDeadlineMs, onProven, onBack } = options;
    this.pin = pin;
    this.#onProven = onProven;
    this.#onBack = onBack;
    this.address = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    this.#socket = socket;
    this.#clock = clock;
    this.#lastTrafficAt = clock.monotonic();
    this.#frames = new FrameDecoder({
      onLine: (line) => this.#takeLine(line),
      onRaw: (bytes) => this.#runReceiver?.onBytes?.(bytes),
    });
    this.#watch = new WriteWatch(clock, (error) => this.close(error));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('error', (error) => this.close(error));
    socket.on('end', () => this.close());
    socket.on('close', () => this.close());
    if (firstLineDeadlineMs !== undefined) this.#limitLine(firstLineDeadlineMs);
    this.#watchIdle(TCP_IDLE_MS);
    const read = (bytes: Buffer): void => this.#read(bytes);
    if (intake === undefined) socket.on('data', read);
    else setImmediate(() => intake.attach(socket, read)); // whoever made this says first who listens
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** The other end has shown a good ticket of `user`: strangers are closed before it when places run out. */
  setProven(user: string): void {
    this.#onProven?.(user);
  }

  /** Who answers the other end's requests; without one, each gets `not-found`. */
  serve(server: PeerServer): void {
    this.#server = server;
  }

  listen(listener: PeerListener): void {
    this.#listener = listener;
  }

  /** Sends a request; `receiver` gets its answers until `onEnd` or `onError` (or `onOpened`). Returns its number. */
  request(request: WithoutId<PeerRequest>, receiver: AnswerReceiver): number {
    if (this.#receivers.size >= MAX_OUTGOING)
      throw new RangeError(`more than ${MAX_OUTGOING} requests wait on one connection`);
    this.#lastId += 1;
    this.#receivers.set(this.#lastId, receiver);
    this.#send({ ...request, id: this.#lastId } as PeerRequest);
    return this.#lastId;
  }

  /** Asks the other end to stop answering a request; what still comes goes to its receiver until `onEnd` or `onError`. */
  cancel(id: number): void {
    if (this.#receivers.has(id)) this.#send({ type: 'cancel', id });
  }

  /** Nothing that was asked for is wanted any more: what still comes is dropped. Reads on when it was paused. */
  forsake(): void {
    for (const [id, receiver] of this.#receivers) {
      if (receiver === this.#runReceiver) this.#runReceiver = DROPPED;
      this.#receivers.set(id, DROPPED);
      this.cancel(id);
    }
    this.resume();
  }

  /** Whether a line still waits until the other end takes what is before it: news that will be newer then can wait too. */
  get hasUnreadLines(): boolean {
    return this.#unreadLineBytes > 0;
  }

  send(line: PeerAnswer): void {
    this.#send(line);
  }

  sendError(id: number, code: ErrorCode, retryAfterMs?: number): void {
    this.#send({
      type: 'error',
      id,
      error: { code, message: ERROR_TEXTS[code], ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    });
  }

  /** Sends one run: the first `bytes` of the block's body. Resolves when the block may be used again; rejects when the connection closed. */
  sendRun(id: number, { block, offset, bytes }: { block: RunBlock; offset: number; bytes: number }): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#closeReason ?? new ConnectionClosed());
    this.#lastTrafficAt = this.#clock.monotonic();
    this.#watch.began(bytes);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.write(block.frame(id, offset, bytes), (error) => {
      this.#watch.ended(bytes);
      if (error) reject(error);
      else resolve();
    });
    return promise;
  }

  /** Stops taking bytes from the socket until `resume()`; used when the disk is slower than the network. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isClosed) this.#socket.resume();
  }

  /** `fn` is called once, at once when closed already; `error` is missing when the other end closed in order. Returns the undo. */
  onClose(fn: (error?: Error) => void): () => void {
    if (this.#isClosed) fn(this.#closeReason);
    else this.#closeListeners.add(fn);
    return () => this.#closeListeners.delete(fn);
  }

  /** Lets what was written leave, then closes. */
  end(): void {
    if (!this.#isClosed) this.#socket.end();
  }

  /** Ends the connection at once. May be called twice. */
  close(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeReason = error;
    this.#lineTimer?.cancel();
    this.#idleTimer?.cancel();
    this.#watch.stop();
    this.#socket.destroy();
    this.#receivers.clear();
    this.#runReceiver = undefined;
    const listeners = [...this.#closeListeners];
    this.#closeListeners.clear();
    for (const listener of listeners) listener(error);
  }

  #send(line: PeerLine): void {
    if (this.#isClosed) return;
    this.#lastTrafficAt = this.#clock.monotonic();
    const bytes = Buffer.concat([encodeJson(line), NEWLINE]);
    this.#unreadLineBytes += bytes.length;
    this.#socket.write(bytes, () => {
      this.#unreadLineBytes -= bytes.length;
    });
    // Whoever asks and asks without reading the answers makes us hold them.
    if (this.#unreadLineBytes > MAX_UNREAD_LINE_BYTES)
      this.close(new ProtocolError('bad-message', 'the other end does not read its answers'));
  }

  #read(bytes: Buffer): void {
    if (this.#isClosed) return; // What was read already comes all the same.
    this.#lastTrafficAt = this.#clock.monotonic();
    try {
      this.#frames.push(bytes);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#frames.isInsideLine) this.#limitLine(LINE_DEADLINE_MS);
  }

  /** Returns how many raw bytes follow. */
  #takeLine(bytes: Buffer): number {
    this.#lineTimer?.cancel();
    this.#lineTimer = undefined;
    const line = parsePeerLine(bytes);
    switch (line.type) {
      case 'open':
      case 'manifest':
      case 'chunks':
      case 'files':
      case 'receipt':
        if (this.#server === undefined) this.sendError(line.id, 'not-found');
        else this.#server.onRequest(line);
        return 0;
      case 'cancel':
        this.#server?.onCancel(line.id);
        return 0;
      case 'bad-chunk':
        this.#server?.onBadChunk(line.ticketId, line.index, line.file);
        return 0;
      case 'have':
        this.#listener?.onHave(line.ticketId, line);
        return 0;
      case 'changed':
        this.#listener?.onChanged(line.ticketId);
        return 0;
      case 'bye':
        this.#listener?.onBye();
        return 0;
      case 'back':
        if (this.#onBack === undefined) throw new ProtocolError('bad-message', 'nobody asked the other end to dial');
        this.#onBack(this, line.token);
        return 0;
      default:
        return this.#takeAnswer(line);
    }
  }

  #takeAnswer(line: Extract<PeerAnswer, { id: number }>): number {
    const receiver = this.#receivers.get(line.id);
    // Nothing may be sent that was not asked for: a stranger's runs would cost us bandwidth, and answers to nobody hide mistakes.
    if (receiver === undefined)
      throw new ProtocolError('bad-message', `the other end answered request ${line.id}, which was not made`);
    switch (line.type) {
      case 'run':
        if (receiver.onRun === undefined)
          throw new ProtocolError('bad-message', 'the other end sent bytes where none were asked for');
        receiver.onRun(line.offset, line.bytes);
        this.#runReceiver = receiver;
        return line.bytes;
      case 'queued':
        receiver.onQueued?.(line);
        return 0;
      case 'opened':
        if (receiver.onOpened === undefined)
          throw new ProtocolError('bad-message', 'the other end opened what was not to be opened');
        this.#receivers.delete(line.id);
        receiver.onOpened(line);
        return 0;
      case 'receipted':
        if (receiver.onReceipted === undefined)
          throw new ProtocolError('bad-message', 'the other end signed what was not to be signed');
        this.#receivers.delete(line.id);
        receiver.onReceipted(line);
        return 0;
      case 'end':
        this.#receivers.delete(line.id);
        receiver.onEnd();
        return 0;
      default:
        this.#receivers.delete(line.id);
        if (line.type === 'error') receiver.onError(toProtocolError(line.error));
        return 0;
    }
  }

  /** Absolute, not since the last byte: one byte a second must not hold a place. */
  #limitLine(ms: number): void {
    this.#lineTimer ??= this.#clock.setTimer(
      () => this.close(new ProtocolError('bad-message', `no whole line within ${ms} ms`)),
      ms,
    );
    this.#lineTimer.unref();
  }

  #watchIdle(ms: number): void {
    this.#idleTimer = this.#clock.setTimer(() => {
      const quietMs = this.#clock.monotonic() - this.#lastTrafficAt;
      if (quietMs >= TCP_IDLE_MS) this.close(new ProtocolError('bad-message', 'nothing was asked for too long'));
      else this.#watchIdle(TCP_IDLE_MS - quietMs);
    }, ms);
    this.#idleTimer.unref();
  }
}

/** The connection ended before what was asked for was there. */
export class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed';
  constructor() {
    super('the connection to the other peer closed');
  }
}

const NEWLINE = Buffer.from('\n');

const ignore = (): void => undefined;
const DROPPED: AnswerReceiver = {
  ...{ onOpened: ignore, onQueued: ignore, onRun: ignore, onBytes: ignore, onEnd: ignore, onError: ignore },
};

function toProtocolError({
  code,
  message,
  retryAfterMs,
}: Extract<PeerAnswer, { type: 'error' }>['error']): ProtocolError {
  return new ProtocolError(code as ErrorCode, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}
