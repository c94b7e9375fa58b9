/**
 * The peer's side of the tracker protocol: logs in, keeps the session alive over UDP or TCP, takes it up again after any interruption,
 * and sends requests exactly once however often the wire loses them. It knows transports and the session, but no library, download or
 * screen: those get `request` and the callbacks of `TrackerClientOptions`. See docs/protocol.md.
 */
import { nanoid } from 'nanoid';

import { fromBase64url } from '../../common/protocol/base64url.js';
import type { ReplyBody, Request, RequestType, SessionGrant, TrackerEvent } from '../../common/protocol/messages.js';
import { MUTATIONS, PROTOCOL_VERSION } from '../../common/protocol/messages.js';
import { parseReply } from '../../common/protocol/parse.js';
import type { Clock } from '../../common/runtime/clock.js';
import { type AbortOptions, sleep, withDeadline } from '../../common/runtime/deadline.js';
import type { Identity } from '../../common/wire/identity.js';
import { PinMismatchError } from '../../common/wire/pinned-tls.js';
import { PeerError, type ConnectionState } from '../api.js';
import { ChannelClosed } from './channel-closed.js';
import { peerErrorOf, pinChanged, trackerUnreachable } from './problems.js';
import { loginMessage, type Presence, resumeMessage, type SavedSession, savedSessionOf, sessionKeysOf } from './session-keys.js';
import { TcpChannel } from './tcp-channel.js';
import { MAX_UDP_REQUEST_BYTES, UdpChannel } from './udp-channel.js';
import { UdpSilence } from './udp-silence.js';

/** A heartbeat over UDP may take so long, ms, with its resends, before TCP is asked. */
const HEARTBEAT_PATIENCE_MS = 1_500;
/** A reply over TCP may take so long, ms: a bulk publish on a slow disk. */
const TCP_PATIENCE_MS = 15_000;
/** A command waits so long, ms, for a lost tracker before it fails. */
const OUTAGE_PATIENCE_MS = 3_000;
/** With UDP working, a TCP connection that nobody used for this long, ms, is closed: 100,000 of them would cost the tracker dear. */
const TCP_UNUSED_MS = 30_000;
/** UDP that did not work is tried again after this, ms. */
const UDP_RETRY_MS = 60_000;
/** Short outages: a try each second at most; after SHORT_OUTAGE_MS growing to LONGEST_WAIT_MS, so that no storm meets a tracker that returns. */
const FIRST_WAITS_MS = [100, 250, 500, 1_000];
const SHORT_OUTAGE_MS = 10_000;
const LONGEST_WAIT_MS = 30_000;
/** Outcomes acknowledged by one request: they must leave room in a datagram. */
const ACKS_PER_REQUEST = 8;

export interface TrackerClientOptions {
  readonly host: string;
  readonly port: number;
  /** 64 hex digits. */
  readonly pin: string;
  readonly device: Identity;
  readonly clock: Clock;
  presence(): Presence;
  /** Logged in or resumed; `grant.live` false asks for the library's deltas. */
  onGrant(grant: SessionGrant): void;
  onState(state: ConnectionState): void;
  onEvent(event: TrackerEvent): void;
  /** The tracker's newest revocation, told by every heartbeat. */
  onEpoch(epoch: number): void;
}

type RequestBody<T extends RequestType> = Omit<Request<T>, 'v' | 'id' | 'type' | 'acks' | 'seen'>;

export class TrackerClient {
  readonly #options: TrackerClientOptions;
  readonly #stopped = new AbortController();
  readonly #acks: string[] = [];
  readonly #seen: string[] = [];
  #saved: SavedSession | undefined;
  #grant: SessionGrant | undefined;
  #spki: Buffer = Buffer.alloc(0);
  #tcp: TcpChannel | undefined;
  #tcpOpening: Promise<TcpChannel> | undefined;
  #tcpUsedAt = 0;
  #udp: UdpChannel | undefined;
  #udpFailedAt: number | undefined;
  #udpProven = false;
  #recovery: Promise<void> | undefined;
  #renewal: Promise<unknown> = Promise.resolve();
  #heartbeats: Promise<void> | undefined;
  #state: ConnectionState = { kind: 'connecting' };
  #heartbeatMs = 2_000;
  /** Tracker's wall clock less our monotonic clock, ms. */
  #timeOffsetMs = 0;

  constructor(options: TrackerClientOptions) {
    this.#options = options;
  }

  get state(): ConnectionState { return this.#state; }
  get savedSession(): SavedSession | undefined { return this.#saved; }
  /** Our address as the tracker sees it. */
  get observedHost(): string | undefined { return this.#grant?.observed.host; }
  /** The tracker identity's public key, once it has been met. */
  get trackerSpki(): Buffer { return this.#spki; }
  /** Key exchange of the current TCP connection, or undefined without one. */
  get keyExchange(): string | undefined { return this.#tcp?.isOpen === true ? this.#tcp.keyExchange : undefined; }
  get address(): string { return `${this.#options.host}:${this.#options.port}`; }

  /** ms since epoch by the tracker's clock: what tickets and links are judged by. Clock jumps here do not move it. */
  trackerNow(): number {
    return Math.round(this.#options.clock.monotonic() + this.#timeOffsetMs);
  }

  /** @throws {PeerError} `login-failed`, `already-active`, `too-many`, `tracker-unreachable`, `pin-changed`. */
  async login(user: string, password: string, { signal }: AbortOptions): Promise<SessionGrant> {
    const { pin, device } = this.#options;
    const message = loginMessage(user, password, pin, device, this.#options.presence(), nanoid(12));
    return this.#enter('login', message, (udp, options) => udp.login(message, options), { signal });
  }

  /**
   * Takes a saved session up again, or with `fork` opens another one beside it.
   * @throws {PeerError} as `login`; `not-logged-in` when it is over.
   */
  async resume(saved: SavedSession, { signal, fork }: AbortOptions & { readonly fork: boolean }): Promise<SessionGrant> {
    const message = { ...resumeMessage(saved, this.#options.presence(), nanoid(12)), ...(fork ? { fork } : {}) };
    return this.#enterAgain(saved, message, { signal });
  }

  /** Begins the heartbeats; after this the client keeps itself online until `stop`. */
  start(): void {
    this.#heartbeats ??= this.#beat();
  }

  /** Sends one request and resolves with the body of its reply. @throws {PeerError} */
  async request<T extends RequestType>(type: T, body: RequestBody<T>, { signal }: AbortOptions): Promise<ReplyBody<T>> {
    const id = nanoid(12);
    const acks = this.#acks.slice(0, ACKS_PER_REQUEST);
    const message = { v: PROTOCOL_VERSION, id, type, ...body, ...(acks.length > 0 ? { acks } : {}) };
    const ended = AbortSignal.any([signal, this.#stopped.signal]);
    const reply = parseReply(type, await this.#send(message, { signal: ended }));
    for (const ack of acks) remove(this.#acks, ack);
    if (MUTATIONS.has(type)) this.#acks.push(id);
    if (!reply.ok) throw peerErrorOf(reply.error);
    return reply as ReplyBody<T>;
  }

  /** Ends heartbeats and sockets. With `logout` the tracker is told first, within 2 s. May be called twice. */
  async stop({ logout }: { logout: boolean }): Promise<void> {
    if (logout && this.#saved !== undefined && this.#state.kind !== 'ended') await this.#sayGoodbye();
    this.#stopped.abort(new Error('the tracker client was stopped'));
    this.#tcp?.close();
    this.#udp?.close();
    this.#udp = undefined;
    await Promise.allSettled([this.#heartbeats, this.#recovery]);
  }

  async #sayGoodbye(): Promise<void> {
    using deadline = withDeadline(this.#stopped.signal, 2_000, this.#options.clock);
    try {
      await this.request('logout', {}, deadline);
    } catch {
      // Nobody answers: the session ends by itself after three intervals.
    }
  }

  // --- entering and re-entering ------------------------------------------------------------------------------------------

  async #enter(
    type: 'login' | 'resume', message: { readonly id: string },
    overUdp: (udp: UdpChannel, options: AbortOptions) => Promise<object>, { signal }: AbortOptions,
  ): Promise<SessionGrant> {
    const both = AbortSignal.any([signal, this.#stopped.signal]);
    let raw: object;
    try {
      const channel = await this.#openTcp({ signal: both });
      using deadline = withDeadline(both, TCP_PATIENCE_MS, this.#options.clock);
      raw = await channel.request(message, deadline);
    } catch (error) {
      both.throwIfAborted();
      if (error instanceof PinMismatchError) throw pinChanged(this.address, error.found);
      raw = await this.#overUdp(overUdp, { signal: both })
        .catch((silence: unknown) => { both.throwIfAborted(); throw trackerUnreachable(this.address, silence); });
    }
    const reply = parseReply(type, raw);
    if (!reply.ok) {
      this.#tcp?.close();
      throw peerErrorOf(reply.error);
    }
    return this.#adopt(reply);
  }

  async #overUdp(send: (udp: UdpChannel, options: AbortOptions) => Promise<object>, { signal }: AbortOptions): Promise<object> {
    const udp = await this.#openUdp({ signal });
    const reply = await send(udp, { signal });
    if (udp.trackerSpki !== undefined) this.#spki = udp.trackerSpki;
    return reply;
  }

  /** One try to take the session up, over UDP when that has worked, then TCP. Only one at a time: each makes the keys before it useless. */
  #resume({ signal }: AbortOptions): Promise<SessionGrant> {
    const next = this.#renewal.then(() => this.#resumeNow({ signal }));
    this.#renewal = next.catch(() => {}); // its caller has the error; this is only the queue
    return next;
  }

  async #resumeNow({ signal }: AbortOptions): Promise<SessionGrant> {
    const saved = this.#saved;
    if (saved === undefined) throw new PeerError({ code: 'not-logged-in', message: 'Not logged in. Log in first.' });
    return this.#enterAgain(saved, resumeMessage(saved, this.#options.presence(), nanoid(12)), { signal });
  }

  async #enterAgain(saved: SavedSession, message: { readonly id: string }, { signal }: AbortOptions): Promise<SessionGrant> {
    const overUdp = (udp: UdpChannel, options: AbortOptions): Promise<object> =>
      udp.resume(message, saved.resumeToken, fromBase64url(saved.resumeKey, 32), options);
    if (this.#udpProven) {
      try {
        const reply = parseReply('resume', await this.#overUdp(overUdp, { signal }));
        if (reply.ok) return this.#adopt(reply);
      } catch (error) {
        if (!(error instanceof UdpSilence)) throw error;
      }
    }
    const withToken: { readonly id: string } = { ...message, ...{ token: saved.resumeToken } };
    return this.#enter('resume', withToken, overUdp, { signal });
  }

  #adopt(grant: SessionGrant): SessionGrant {
    this.#grant = grant;
    this.#saved = savedSessionOf(grant);
    this.#heartbeatMs = grant.heartbeatMs;
    this.#learnTime(grant.serverTime);
    this.#udp?.useSession(sessionKeysOf(grant));
    this.#setState({ kind: 'online' });
    this.#options.onGrant(grant);
    this.#options.onEpoch(grant.epoch);
    return grant;
  }

  /** Gets the session back, however long it takes; ends only when online, ended or stopped. */
  #recover(): Promise<void> {
    this.#recovery ??= this.#recoverNow().finally(() => { this.#recovery = undefined; });
    return this.#recovery;
  }

  async #recoverNow(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopped;
    const lostAt = clock.monotonic();
    for (let tries = 0; !signal.aborted && this.#state.kind !== 'ended'; tries += 1) {
      try {
        await this.#resume({ signal });
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (isFinal(error)) return this.#setState({ kind: 'ended', problem: error.problem });
        const waitMs = waitBefore(tries, clock.monotonic() - lostAt);
        const problem = error instanceof PeerError ? error.problem : trackerUnreachable(this.address).problem;
        this.#setState({ kind: 'waiting', problem, retryAt: clock.now() + waitMs });
        await sleep(waitMs, { signal, clock }).catch(() => {}); // stopped: the loop's condition sees it
      }
    }
  }

  // --- requests ----------------------------------------------------------------------------------------------------------

  async #send(message: { readonly id: string }, { signal }: AbortOptions): Promise<object> {
    if (this.#grant === undefined && this.#saved === undefined) {
      throw new PeerError({ code: 'not-logged-in', message: 'Not logged in. Log in first.' });
    }
    await this.#waitOnline({ signal });
    if (this.#tcp?.isOpen !== true && this.#canUseUdp && Buffer.byteLength(JSON.stringify(message)) <= MAX_UDP_REQUEST_BYTES) {
      try {
        const reply = await (await this.#openUdp({ signal })).request(message, { signal });
        if (!saysUseTcp(reply)) return reply;
      } catch (error) {
        if (!(error instanceof UdpSilence)) throw error;
        this.#udpFailedAt = this.#options.clock.monotonic();
      }
    }
    return this.#sendTcp(message, { signal });
  }

  /** The same id each time, so the tracker applies it once however often the connection breaks. */
  async #sendTcp(message: { readonly id: string }, { signal }: AbortOptions): Promise<object> {
    using deadline = withDeadline(signal, TCP_PATIENCE_MS, this.#options.clock);
    for (;;) {
      try {
        const channel = await this.#sessionTcp(deadline);
        this.#tcpUsedAt = this.#options.clock.monotonic();
        return await channel.request(message, deadline);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof PeerError && error.code !== 'tracker-unreachable') throw error;
        if (deadline.signal.aborted) throw trackerUnreachable(this.address, error);
        void this.#recover();
        await this.#waitOnline(deadline);
      }
    }
  }

  /** The connection that belongs to the session, opened and resumed when there is none. */
  async #sessionTcp({ signal }: AbortOptions): Promise<TcpChannel> {
    if (this.#tcp?.isOpen !== true) {
      // A session that is resumed over TCP owns that connection afterwards.
      await this.#resumeOverTcp({ signal });
    }
    if (this.#tcp === undefined) throw new ChannelClosed();
    return this.#tcp;
  }

  async #resumeOverTcp({ signal }: AbortOptions): Promise<void> {
    const saved = this.#saved;
    if (saved === undefined) throw new ChannelClosed();
    const next = this.#renewal.then(async () => {
      if (this.#tcp?.isOpen === true) return; // somebody before us in the queue opened it
      const channel = await this.#openTcp({ signal });
      const message = { ...resumeMessage(saved, this.#options.presence(), nanoid(12)), token: saved.resumeToken };
      const reply = parseReply('resume', await channel.request(message, { signal }));
      if (!reply.ok) throw peerErrorOf(reply.error);
      this.#adopt(reply);
    });
    this.#renewal = next.catch(() => {}); // its caller has the error; this is only the queue
    return next;
  }

  async #waitOnline({ signal }: AbortOptions): Promise<void> {
    this.#throwIfEnded();
    if (this.#recovery === undefined) return;
    using deadline = withDeadline(signal, OUTAGE_PATIENCE_MS, this.#options.clock);
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(deadline.signal.reason as Error);
    deadline.signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([this.#recovery, promise]);
    } catch (error) {
      signal.throwIfAborted();
      throw trackerUnreachable(this.address, error);
    } finally {
      deadline.signal.removeEventListener('abort', abort);
    }
    this.#throwIfEnded();
  }

  #throwIfEnded(): void {
    if (this.#state.kind === 'ended') throw new PeerError(this.#state.problem);
  }

  // --- heartbeats --------------------------------------------------------------------------------------------------------

  async #beat(): Promise<void> {
    const { signal } = this.#stopped;
    const { clock } = this.#options;
    while (!signal.aborted && this.#state.kind !== 'ended') {
      try {
        await this.#heartbeat({ signal });
        this.#closeUnusedTcp();
        await sleep(this.#heartbeatMs, { signal, clock });
      } catch (error) {
        if (signal.aborted) return;
        if (isFinal(error)) return this.#setState({ kind: 'ended', problem: error.problem });
        await this.#recover();
      }
    }
  }

  async #heartbeat({ signal }: AbortOptions): Promise<void> {
    const seen = this.#seen.splice(0, ACKS_PER_REQUEST);
    const acks = this.#acks.slice(0, ACKS_PER_REQUEST);
    const { libraryRevision } = this.#options.presence();
    const message = {
      v: PROTOCOL_VERSION, id: nanoid(12), type: 'heartbeat', libraryRevision,
      ...(acks.length > 0 ? { acks } : {}), ...(seen.length > 0 ? { seen } : {}),
    };
    const reply = parseReply('heartbeat', await this.#heartbeatReply(message, { signal }));
    if (!reply.ok) throw peerErrorOf(reply.error);
    for (const ack of acks) remove(this.#acks, ack);
    this.#heartbeatMs = reply.heartbeatMs;
    this.#learnTime(reply.serverTime);
    this.#options.onEpoch(reply.epoch);
  }

  async #heartbeatReply(message: { readonly id: string }, { signal }: AbortOptions): Promise<object> {
    if (this.#canUseUdp) {
      try {
        const reply = await (await this.#openUdp({ signal })).request(message, { signal, giveUpMs: HEARTBEAT_PATIENCE_MS });
        this.#udpProven = true;
        this.#udpFailedAt = undefined;
        return reply;
      } catch (error) {
        // UDP that has worked means a tracker that is gone: recovery finds out. Blocked UDP shows when TCP works beside it.
        if (!(error instanceof UdpSilence) || (this.#udpProven && this.#tcp?.isOpen !== true)) throw error;
        this.#udpFailedAt = this.#options.clock.monotonic();
      }
    }
    using deadline = withDeadline(signal, HEARTBEAT_PATIENCE_MS, this.#options.clock);
    return (await this.#sessionTcp(deadline)).request(message, deadline);
  }

  get #canUseUdp(): boolean {
    return this.#udpFailedAt === undefined || this.#options.clock.monotonic() - this.#udpFailedAt > UDP_RETRY_MS;
  }

  #closeUnusedTcp(): void {
    const isUnused = this.#options.clock.monotonic() - this.#tcpUsedAt > TCP_UNUSED_MS;
    if (this.#udpProven && this.#udpFailedAt === undefined && isUnused) this.#tcp?.close();
  }

  // --- channels ----------------------------------------------------------------------------------------------------------

  async #openTcp({ signal }: AbortOptions): Promise<TcpChannel> {
    this.#tcpOpening ??= this.#openTcpNow({ signal }).finally(() => { this.#tcpOpening = undefined; });
    return this.#tcpOpening;
  }

  async #openTcpNow({ signal }: AbortOptions): Promise<TcpChannel> {
    this.#tcp?.close();
    const { host, port, pin } = this.#options;
    const channel = await TcpChannel.open({
      host, port, pin, signal,
      onEvent: (event) => this.#takeEvent(event),
      onClose: () => this.#tcpClosed(channel),
    });
    this.#tcp = channel;
    this.#spki = channel.trackerSpki;
    this.#tcpUsedAt = this.#options.clock.monotonic();
    return channel;
  }

  /** A connection that breaks while nothing else proves the tracker alive is the quickest sign of its restart. */
  #tcpClosed(channel: TcpChannel): void {
    if (this.#tcp !== channel || this.#stopped.signal.aborted || this.#heartbeats === undefined) return;
    if (this.#udpProven && this.#udpFailedAt === undefined) return;
    void this.#recover();
  }

  async #openUdp({ signal }: AbortOptions): Promise<UdpChannel> {
    if (this.#udp !== undefined) return this.#udp;
    const { host, port, pin, clock } = this.#options;
    const udp = await UdpChannel.open({
      host, port, pin, clock,
      onEvent: (event) => this.#takeEvent(event),
      onNoSession: () => { void this.#recover(); },
    }, { signal });
    if (this.#grant !== undefined) udp.useSession(sessionKeysOf(this.#grant));
    this.#udp = udp;
    return udp;
  }

  #takeEvent(event: TrackerEvent): void {
    if (event.event === 'challenge') {
      this.#udp?.send({ v: PROTOCOL_VERSION, id: nanoid(12), type: 'path', challenge: event.challenge });
      return;
    }
    if (this.#seen.includes(event.eventId)) return;
    this.#seen.push(event.eventId);
    if (event.event === 'ended') this.#setState({ kind: 'ended', problem: peerErrorOf(event.error).problem });
    this.#options.onEvent(event);
  }

  #learnTime(serverTime: number): void {
    this.#timeOffsetMs = serverTime - this.#options.clock.monotonic();
  }

  #setState(state: ConnectionState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}

/** Nothing but a new login helps. */
function isFinal(error: unknown): error is PeerError {
  return error instanceof PeerError && (error.code === 'not-logged-in' || error.code === 'pin-changed' || error.code === 'login-failed');
}

function waitBefore(tries: number, outageMs: number): number {
  const jitter = 0.75 + Math.random() / 2;
  const quickMs = FIRST_WAITS_MS[tries];
  if (quickMs !== undefined) return quickMs * jitter;
  if (outageMs < SHORT_OUTAGE_MS) return 1_000 * jitter;
  return Math.min(LONGEST_WAIT_MS, outageMs / 5) * jitter;
}

function saysUseTcp(reply: object): boolean {
  return 'error' in reply && (reply.error as { code?: unknown } | undefined)?.code === 'use-tcp';
}

function remove(list: string[], value: string): void {
  const index = list.indexOf(value);
  if (index >= 0) list.splice(index, 1);
}
