/**
 * The datagram way to the tracker: cookie, sealed login and resume, then sealed requests that are resent until answered.
 * See docs/protocol.md "UDP". It keeps no session state but the current keys, which `useSession` replaces.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

import { ProtocolError } from '../../common/protocol/errors.js';
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import { encodeJson } from '../../common/protocol/json.js';
import {
  MAX_DATAGRAM_BYTES,
  MIN_UDP_REQUEST_BYTES,
  RESEND_AFTER_MS,
  UDP_GIVE_UP_MS,
} from '../../common/protocol/limits.js';
import { parseIncoming } from '../../common/protocol/parse.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import {
  type CookieReply,
  decodeDatagram,
  encodeHello,
  HINT,
  KIND,
  readCookieReply,
} from '../../common/wire/datagrams.js';
import { Opener, Sealer } from '../../common/wire/sealed-data.js';
import { sealLogin } from '../../common/wire/sealed-login.js';
import { sealResume } from '../../common/wire/sealed-resume.js';
import { UdpSilence } from './udp-silence.js';

/** Header of a data datagram (26 bytes) and its tag (16). */
const DATA_OVERHEAD_BYTES = 42;
/** Longest request that fits one datagram, bytes of JSON. */
export const MAX_UDP_REQUEST_BYTES = MAX_DATAGRAM_BYTES - DATA_OVERHEAD_BYTES;
/** A cookie exchange is tried so often, ms apart, before the tracker counts as silent. */
const HELLO_AFTER_MS = [0, 150, 300] as const;
const HELLO_GIVE_UP_MS = 700;
const RECEIVE_BUFFER_BYTES = 1 << 20;

export interface UdpChannelOptions {
  readonly host: string;
  readonly port: number;
  readonly pin: string;
  readonly clock: Clock;
  readonly onEvent: (event: TrackerEvent) => void;
  /** The tracker does not know the session (a hint, so unproven). */
  readonly onNoSession: () => void;
}

export interface SessionKeys {
  readonly session: Buffer;
  readonly c2t: Buffer;
  readonly t2c: Buffer;
}

type Listener = (datagram: Buffer) => void;

/** One datagram sent until another of `kind` comes that `read` accepts. */
interface Exchange<T> {
  readonly datagram: Buffer;
  readonly kind: number;
  readonly read: (reply: Buffer) => Promise<T | undefined>;
  readonly giveUpMs: number;
  readonly resendMs: readonly number[];
}

export class UdpChannel {
  readonly #socket: Socket;
  readonly #options: UdpChannelOptions;
  readonly #handshakeListeners = new Set<Listener>();
  readonly #resolveById = new Map<string, (reply: object) => void>();
  readonly #giveUps = new Set<(error: Error) => void>();
  #sealer: Sealer | undefined;
  #opener: Opener | undefined;
  #session: Buffer | undefined;
  #trackerSpki: Buffer | undefined;

  /** The tracker's public key, once a cookie reply has proven it. */
  get trackerSpki(): Buffer | undefined {
    return this.#trackerSpki;
  }

  private constructor(socket: Socket, options: UdpChannelOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('message', (datagram) => this.#read(datagram));
    socket.on('error', () => this.#refused());
  }

  static async open(options: UdpChannelOptions, { signal }: AbortOptions): Promise<UdpChannel> {
    const socket = createSocket({ type: isIPv6(options.host) ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
    try {
      socket.connect(options.port, options.host);
      await once(socket, 'connect', { signal });
    } catch (error) {
      socket.close();
      throw error;
    }
    return new UdpChannel(socket, options);
  }

  /** From now on requests are sealed with these keys; what is unanswered is resent with them. */
  useSession(keys: SessionKeys): void {
    this.#session = keys.session;
    this.#sealer = new Sealer({ key: keys.c2t, kind: KIND.peerData, session: keys.session });
    this.#opener = new Opener({ key: keys.t2c, kind: KIND.trackerData, session: keys.session });
  }

  /** Sends a `login` request sealed to the tracker's KEM key. @throws {UdpSilence} */
  async login(message: object, { signal }: AbortOptions): Promise<object> {
    const { cookie, keyId, kemKey } = await this.#cookie({ signal });
    const { datagram, openReply } = await sealLogin({ cookie, keyId, kemKey, trackerPin: this.#options.pin, message });
    const exchange = {
      datagram,
      kind: KIND.loginReply,
      read: openReply,
      giveUpMs: UDP_GIVE_UP_MS,
      resendMs: RESEND_AFTER_MS,
    };
    const plaintext = await this.#exchange(exchange, { signal });
    return replyOf(plaintext);
  }

  /** Sends a `resume` request. @throws {UdpSilence} also when the tracker only hints that the token is refused. */
  async resume(message: object, token: string, resumeKey: Buffer, { signal }: AbortOptions): Promise<object> {
    const { cookie } = await this.#cookie({ signal });
    const { datagram, openReply } = sealResume({ cookie, token, resumeKey, message });
    const open = async (bytes: Buffer): Promise<Buffer | undefined> => openReply(bytes);
    const exchange = {
      datagram,
      kind: KIND.resumeReply,
      read: open,
      giveUpMs: HELLO_GIVE_UP_MS,
      resendMs: HELLO_AFTER_MS,
    };
    const plaintext = await this.#exchange(exchange, { signal });
    return replyOf(plaintext);
  }

  /**
   * Sends one sealed request until its reply comes, at the times of RESEND_AFTER_MS.
   * @throws {UdpSilence} when none came within `giveUpMs`.
   */
  async request(
    message: { readonly id: string },
    { signal, giveUpMs = UDP_GIVE_UP_MS }: AbortOptions & { giveUpMs?: number },
  ): Promise<object> {
    const plaintext = encodeJson(message);
    const { promise, resolve, reject } = Promise.withResolvers<object>();
    this.#resolveById.set(message.id, resolve);
    const send = (): void => this.#sendSealed(plaintext);
    using _timers = this.#resend(send, RESEND_AFTER_MS, giveUpMs, reject);
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      send();
      return await promise;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#resolveById.delete(message.id);
    }
  }

  /** Sends without waiting for a reply, such as the answer to a path challenge. */
  send(message: object): void {
    this.#sendSealed(encodeJson(message));
  }

  /** Whoever waits for an answer is told that none will come. */
  close(): void {
    this.#socket.removeAllListeners('message');
    this.#socket.close();
    this.#refused();
  }

  async #cookie({ signal }: AbortOptions): Promise<CookieReply> {
    const nonce = randomBytes(16);
    const read = async (datagram: Buffer): Promise<CookieReply | undefined> =>
      readCookieReply(datagram, { nonce, pin: this.#options.pin, now: this.#options.clock.now() });
    const exchange = {
      datagram: encodeHello(nonce),
      kind: KIND.cookie,
      read,
      giveUpMs: HELLO_GIVE_UP_MS,
      resendMs: HELLO_AFTER_MS,
    };
    const reply = await this.#exchange(exchange, { signal });
    this.#trackerSpki = reply.spki;
    return reply;
  }

  async #exchange<T>({ datagram, kind, read, giveUpMs, resendMs }: Exchange<T>, { signal }: AbortOptions): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const listener: Listener = (reply) => {
      if (reply[1] !== kind) return;
      read(reply).then((value) => {
        if (value !== undefined) resolve(value);
      }, reject);
    };
    const send = (): void => this.#send(datagram);
    const abort = (): void => reject(signal.reason as Error);
    using _timers = this.#resend(send, resendMs, giveUpMs, reject);
    this.#handshakeListeners.add(listener);
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      send();
      return await promise;
    } finally {
      this.#handshakeListeners.delete(listener);
      signal.removeEventListener('abort', abort);
    }
  }

  /** The system was told that nobody listens there. That proves nothing, so it only ends the waiting: TCP is asked next. */
  #refused(): void {
    for (const giveUp of [...this.#giveUps]) giveUp(new UdpSilence());
  }

  #resend(send: () => void, afterMs: readonly number[], giveUpMs: number, giveUp: (error: Error) => void): Disposable {
    const { clock } = this.#options;
    const timers: Timer[] = [];
    let dueMs = 0;
    for (const ms of afterMs) {
      if (ms === 0) continue;
      dueMs += ms * (0.75 + Math.random() / 2);
      if (dueMs < giveUpMs) timers.push(clock.setTimer(send, dueMs));
    }
    timers.push(clock.setTimer(() => giveUp(new UdpSilence()), giveUpMs));
    this.#giveUps.add(giveUp);
    return {
      [Symbol.dispose]: () => {
        this.#giveUps.delete(giveUp);
        for (const timer of timers) timer.cancel();
      },
    };
  }

  #sendSealed(plaintext: Buffer): void {
    if (this.#sealer !== undefined) this.#send(this.#sealer.seal(padded(plaintext)));
  }

  #send(datagram: Buffer): void {
    try {
      this.#socket.send(datagram, () => undefined); // a refused datagram is a lost one
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING') throw error;
    }
  }

  #read(datagram: Buffer): void {
    const decoded = decodeDatagram(datagram);
    if (decoded === undefined) return;
    if (decoded.kind === KIND.trackerData) this.#readSealed(datagram);
    else if (decoded.kind === KIND.hint) this.#readHint(decoded);
    else for (const listener of this.#handshakeListeners) listener(datagram);
  }

  #readHint({ what, echo }: { readonly what: number; readonly echo: Buffer }): void {
    if (what === HINT.noSession && this.#session?.equals(echo) === true) this.#options.onNoSession();
  }

  #readSealed(datagram: Buffer): void {
    const plaintext = this.#opener?.open(datagram);
    if (plaintext === undefined) return;
    try {
      const incoming = parseIncoming(plaintext);
      if (incoming.kind === 'event') this.#options.onEvent(incoming.event);
      else this.#resolveById.get(incoming.id)?.(incoming.value);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error; // a message of a later version: dropped like a lost one
    }
  }
}

/** A tracker may answer a changed address with no more than it got, and its challenge needs this much. */
function padded(plaintext: Buffer): Buffer {
  const missing = MIN_UDP_REQUEST_BYTES - plaintext.length;
  return missing > 0 ? Buffer.concat([plaintext, Buffer.alloc(missing, ' ')]) : plaintext;
}

function replyOf(plaintext: Buffer): object {
  const incoming = parseIncoming(plaintext);
  if (incoming.kind !== 'reply') throw new UdpSilence();
  return incoming.value;
}
