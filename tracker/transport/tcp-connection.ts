/** One TLS connection of a peer: lines in, replies and events out, and the deadlines it has to keep. See docs/protocol.md "TCP". */
import type { TLSSocket } from 'node:tls';
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import { encodeJson } from '../../common/protocol/json.js';
import {
  HELLO_DEADLINE_MS,
  MAX_HELLO_LINE_BYTES,
  MAX_LINE_BYTES,
  MAX_PIPELINED,
  TCP_IDLE_MS,
} from '../../common/protocol/limits.js';
import type { Request } from '../../common/protocol/messages.js';
import { RequestError } from '../../common/protocol/parse.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Log } from '../../common/runtime/log.js';
import { LineDecoder } from '../../common/wire/line-decoder.js';
import type { Carrier } from '../carrier.js';
import { plainHost } from '../registry/addresses.js';
import type { EventLink } from '../registry/event-outbox.js';
import type { Session } from '../registry/session.js';
import type { EntryReply, Router } from '../router.js';
import { readRequest, refusal } from './read-request.js';

const NEWLINE = Buffer.from('\n');
/** Failed logins on one connection; then it is closed. Guess limits count besides. */
const MAX_FAILED_LOGINS = 10;
/**
 * Events are written whether or not the peer reads, unlike replies. Attacker: who does not, and has others publish what he searches for.
 * What he has not said to have seen waits for his next connection.
 */
const MAX_UNREAD_BYTES = 4 * MAX_LINE_BYTES;

interface ConnectionOptions {
  readonly router: Router;
  readonly clock: Clock;
  readonly log: Log;
  /** It belongs to this session from now on. */
  readonly onSession: (session: Session) => void;
}

export class TcpConnection implements EventLink {
  readonly isReliable = true;
  readonly #decoder = new LineDecoder(MAX_HELLO_LINE_BYTES);
  readonly #carrier: Carrier;
  #session: Session | undefined;
  #hello: Timer | undefined;
  #helloLeftMs = HELLO_DEADLINE_MS;
  #helloSince = 0;
  #isEntering = false;
  #idle: Timer | undefined;
  #inFlight = 0;
  #failedLogins = 0;
  #slotFreed: PromiseWithResolvers<void> | undefined;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(
    private readonly socket: TLSSocket,
    private readonly options: ConnectionOptions,
  ) {
    const from = { host: plainHost(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 };
    this.#carrier = { kind: 'tcp', from, maxReplyBytes: MAX_LINE_BYTES };
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => this.#drain());
    socket.once('close', () => this.#end());
    this.#armHello();
    this.#armIdle();
  }

  get host(): string {
    return this.#carrier.from.host;
  }

  get isEntering(): boolean {
    return this.#isEntering;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Reads until the connection ends. */
  async run(): Promise<void> {
    try {
      for await (const bytes of this.socket as AsyncIterable<Buffer>) {
        this.#armIdle();
        for (const line of this.#decoder.push(bytes)) await this.#take(line);
      }
    } catch (error) {
      // Lines over the cap, resets and closes all mean the same here: this connection is over.
      this.options.log.write('debug', 'a connection ended', { host: this.#carrier.from.host, error });
    } finally {
      this.socket.destroy();
    }
  }

  send(event: TrackerEvent): void {
    if (this.socket.writableLength > MAX_UNREAD_BYTES) this.close();
    else this.#write(event).catch(() => this.close());
  }

  close(): void {
    this.socket.destroy();
  }

  /** Lets what was written go out, then closes. */
  closeSoon(): void {
    this.socket.end();
  }

  /** Starts the work on a line; waits only while as many requests as are allowed are being worked on. */
  async #take(line: Buffer): Promise<void> {
    const request = readRequest(line);
    if (this.#session === undefined) return this.#takeHello(request);
    while (this.#inFlight >= MAX_PIPELINED) {
      this.#slotFreed ??= Promise.withResolvers<void>();
      await this.#slotFreed.promise;
    }
    this.#inFlight += 1;
    const answered = this.#answer(this.#session, request).catch(() => this.close());
    void answered.finally(() => {
      this.#inFlight -= 1;
      this.#slotFreed?.resolve();
      this.#slotFreed = undefined;
    });
  }

  /** One after the other: what follows a login belongs to its session. The deadline stands still while the tracker works. */
  async #takeHello(request: Request | RequestError): Promise<void> {
    if (request instanceof RequestError) {
      const reply = refusal(request);
      if (reply === undefined) throw request;
      return this.#write(reply);
    }
    const { reply, session } = await this.#enter(request);
    const written = this.#write(reply); // before any event: it brings the keys
    if (session === undefined) this.#failedLogins += 1;
    else this.#adopt(session);
    await written;
    if (this.#failedLogins >= MAX_FAILED_LOGINS) this.socket.end();
  }

  async #enter(request: Request): Promise<EntryReply> {
    this.#pauseHello();
    this.#isEntering = true;
    try {
      const entry = await this.options.router.enter(request, this.#carrier);
      if (entry.session === undefined) this.#armHello();
      return entry;
    } finally {
      this.#isEntering = false;
    }
  }

  #adopt(session: Session): void {
    this.#session = session;
    this.options.onSession(session);
    this.#decoder.setMax(MAX_LINE_BYTES);
    session.useTcp(this);
  }

  async #answer(session: Session, request: Request | RequestError): Promise<void> {
    if (request instanceof RequestError) {
      const reply = refusal(request);
      if (reply === undefined) return this.close();
      return this.#write(reply);
    }
    if ((request.type === 'login' || request.type === 'resume') && this.options.router.isRepetition(request)) {
      const { reply } = await this.options.router.enter(request, this.#carrier);
      return this.#write(reply);
    }
    session.note('tcp');
    await this.#write(await this.options.router.answer(session, request, this.#carrier));
  }

  /** Resolves when the peer has taken it: who does not read is not worked for. */
  async #write(message: object): Promise<void> {
    if (this.socket.destroyed || !this.socket.writable) return;
    if (this.socket.write(Buffer.concat([encodeJson(message), NEWLINE]))) return;
    this.#drained ??= Promise.withResolvers<void>(); // one for all that wait
    await this.#drained.promise;
  }

  #drain(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /** Goes on where it was paused: one who is refused again and again gets no more time than one who is silent. */
  #armHello(): void {
    if (this.socket.destroyed) return;
    this.#helloSince = this.options.clock.monotonic();
    this.#hello = this.options.clock.setTimer(() => this.close(), this.#helloLeftMs);
  }

  #pauseHello(): void {
    this.#hello?.cancel();
    this.#helloLeftMs -= this.options.clock.monotonic() - this.#helloSince;
  }

  #armIdle(): void {
    this.#idle?.cancel();
    this.#idle = this.options.clock.setTimer(() => this.close(), TCP_IDLE_MS);
  }

  #end(): void {
    this.#hello?.cancel();
    this.#idle?.cancel();
    this.#slotFreed?.resolve();
    this.#drain();
    this.#session?.dropTcp(this);
  }
}
