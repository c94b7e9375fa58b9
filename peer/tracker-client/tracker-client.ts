/**
 * The peer's side of the tracker protocol: logs in, keeps the session alive over UDP or TCP, takes it up again after any interruption,
 * and sends requests exactly once however often the wire loses them. It knows transports and the session, but no library, download or
 * screen: those get `request` and the callbacks of `TrackerClientOptions`. See docs/protocol.md.
 */
import { nanoid } from 'nanoid';

import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import type { Reply, ReplyBody, Request, RequestType, SessionGrant } from '../../common/protocol/messages.js';
import { PROTOCOL_VERSION } from '../../common/protocol/messages.js';
import { parseReply } from '../../common/protocol/parse.js';
import type { RelayHello } from '../../common/protocol/reach-fields.js';
import { type AbortOptions, withDeadline } from '../../common/runtime/deadline.js';
import { Pulse } from '../../common/runtime/pulse.js';
import { type ConnectionState, PeerError } from '../api.js';
import { Channels } from './channels.js';
import { isFinal, isLeaving, notLoggedIn, peerErrorOf, saysUseTcp, trackerUnreachable } from './problems.js';
import { Receipts } from './receipts.js';
import { reconnectWait } from './reconnect-wait.js';
import { SessionEntry } from './session-entry.js';
import { relayHelloOf, type SavedSession } from './session-keys.js';
import type { TrackerClientOptions } from './tracker-client-options.js';
import { type NodeAddress, TrackerNodes } from './tracker-nodes.js';
import { MAX_UDP_REQUEST_BYTES } from './udp-channel.js';
import { UdpHealth } from './udp-health.js';
import { UdpSilence } from './udp-silence.js';
import { withRoom } from './with-room.js';

/** A heartbeat may take so long, ms, with its resends, before the other transport is asked. */
const HEARTBEAT_PATIENCE_MS = 1_500;
/** A reply over TCP may take so long, ms: a bulk publish on a slow disk. */
const TCP_PATIENCE_MS = 15_000;
const QUICK_PATIENCE_MS = 750; // where another node can take the session up: two sendings
/** A command waits so long, ms, for a lost tracker before it fails; longer where another node takes its place. */
const OUTAGE_PATIENCE_MS = 3_000;
const MOVING_PATIENCE_MS = 10_000;
/** With UDP working, a TCP connection that nobody used for this long, ms, is closed: 100,000 of them would cost the tracker dear. */
const TCP_UNUSED_MS = 30_000;
/** A request follows the session to so many nodes that are shutting down. */
const MAX_MOVES = 3;

type Message = { readonly id: string };
type RequestBody<T extends RequestType> = Omit<Request<T>, 'v' | 'id' | 'type' | 'acks' | 'seen'>;

export class TrackerClient {
  readonly #options: TrackerClientOptions;
  readonly #channels: Channels;
  readonly #entry: SessionEntry;
  readonly #udpHealth: UdpHealth;
  readonly #nodes: TrackerNodes;
  readonly #receipts = new Receipts();
  readonly #stopped = new AbortController();
  readonly #hurried: Pulse;
  readonly #suspicion: Pulse;
  #state: ConnectionState = { kind: 'connecting' };
  #grant: SessionGrant | undefined;
  #tcpUsedAt = 0;
  #recovery: Promise<void> | undefined;
  #heartbeats: Promise<void> | undefined;
  #heartbeatMs = 0;
  /** Tracker's wall clock less our monotonic clock, ms. */
  #timeOffsetMs = 0;

  constructor(options: TrackerClientOptions) {
    this.#options = options;
    this.#hurried = new Pulse(options.clock);
    this.#suspicion = new Pulse(options.clock);
    const { host, port, pin, clock } = options;
    this.#nodes = new TrackerNodes({ host, port });
    this.#channels = new Channels({
      node: this.#nodes.present,
      pin,
      clock,
      onEvent: (event) => this.#takeEvent(event),
      onTcpClosed: () => this.#tcpClosed(),
      onNoSession: () => {
        void this.#recover();
      },
    });
    this.#udpHealth = new UdpHealth(clock);
    this.#entry = new SessionEntry({
      channels: this.#channels,
      udpHealth: this.#udpHealth,
      clock,
      address: this.address,
      pin,
      device: options.device,
      pqOnly: options.pqOnly,
      presence: () => options.presence(),
      onGrant: (grant) => this.#granted(grant),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }
  /** What takes this session up again after a crash. */
  get savedSession(): SavedSession | undefined {
    return this.#entry.saved;
  }
  get address(): string {
    return `${this.#options.host}:${this.#options.port}`;
  }
  /** Where our session is now. */
  get node(): NodeAddress {
    return this.#nodes.present;
  }
  /** Our address as the tracker sees it. */
  get observedHost(): string | undefined {
    return this.#grant?.observed.host;
  }
  /** The tracker identity's public key, once it has been met. */
  get trackerSpki(): Buffer {
    return this.#channels.trackerSpki;
  }

  /** ms since epoch by the tracker's clock: what tickets and links are judged by. Clock jumps here do not move it. */
  trackerNow(): number {
    return Math.round(this.#options.clock.monotonic() + this.#timeOffsetMs);
  }

  /** For a connection to the relay. @throws {PeerError} `not-logged-in`. */
  relayHello(token: string): Omit<RelayHello, 'v'> {
    if (this.#grant === undefined) throw notLoggedIn();
    return relayHelloOf(this.#grant, token);
  }

  /** @throws {PeerError} `login-failed`, `already-active`, `too-many`, `tracker-unreachable`, `pin-changed`. */
  login(user: string, password: string, { signal }: AbortOptions): Promise<SessionGrant> {
    return this.#entry.login(user, password, { signal: AbortSignal.any([signal, this.#stopped.signal]) });
  }

  /**
   * Takes a saved session up again, or with `fork` opens another one beside it.
   * @throws {PeerError} as `login`; `not-logged-in` when it is over.
   */
  resume(saved: SavedSession, { signal, fork }: AbortOptions & { readonly fork: boolean }): Promise<SessionGrant> {
    return this.#entry.resume(saved, { signal: AbortSignal.any([signal, this.#stopped.signal]), fork });
  }

  /** Begins the heartbeats; after this the client keeps itself online until `stop`. */
  start(): void {
    this.#heartbeats ??= this.#beat();
  }

  /** A person waits: a pause before the next try to reach a lost tracker ends now. */
  hurry(): void {
    this.#hurried.beat();
  }

  /** Sends one request and resolves with the body of its reply. @throws {PeerError} */
  async request<T extends RequestType>(type: T, body: RequestBody<T>, options: AbortOptions): Promise<ReplyBody<T>> {
    const signal = AbortSignal.any([options.signal, this.#stopped.signal]);
    const reply = await withRoom(() => this.#exchange(type, body, signal), { signal, clock: this.#options.clock });
    if (!reply.ok) throw peerErrorOf(reply.error);
    return reply as ReplyBody<T>;
  }

  async #exchange<T extends RequestType>(type: T, body: RequestBody<T>, signal: AbortSignal): Promise<Reply<T>> {
    const receipts = this.#receipts.next();
    const message = { v: PROTOCOL_VERSION, id: nanoid(12), type, ...body, ...receipts };
    let reply = parseReply(type, await this.#send(message, { signal }));
    for (let moves = 0; moves < MAX_MOVES && isLeaving(reply) && this.#nodes.hasOthers; moves += 1) {
      this.#leaveNode();
      reply = parseReply(type, await this.#send(message, { signal }));
    }
    this.#receipts.delivered(receipts);
    this.#receipts.outcome(type, message.id);
    return reply;
  }

  /** Ends heartbeats and sockets. With `logout` the tracker is told first, within 2 s. May be called twice. */
  async stop({ logout }: { readonly logout: boolean }): Promise<void> {
    if (logout && this.#grant !== undefined && this.#state.kind === 'online') await this.#sayGoodbye();
    this.#stopped.abort(new Error('the tracker client was stopped'));
    this.#channels.close();
    await Promise.allSettled([this.#heartbeats, this.#recovery]);
  }

  async #sayGoodbye(): Promise<void> {
    using deadline = withDeadline(this.#stopped.signal, 2_000, this.#options.clock);
    await this.request('logout', {}, deadline).catch(() => undefined); // unheard, it ends by itself after three intervals
  }

  // --- staying online ----------------------------------------------------------------------------------------------------

  #granted(grant: SessionGrant): void {
    this.#grant = grant;
    this.#nodes.learn(grant.nodes);
    this.#heartbeatMs = grant.heartbeatMs;
    this.#tcpUsedAt = this.#options.clock.monotonic();
    this.#learnTime(grant.serverTime);
    this.#setState({ kind: 'online' });
    this.#options.onGrant(grant);
    this.#options.onEpoch(grant.epoch);
  }

  /** Gets the session back, however long it takes; ends only when online, ended or stopped. */
  #recover(): Promise<void> {
    this.#recovery ??= this.#recoverNow().finally(() => {
      this.#recovery = undefined;
    });
    return this.#recovery;
  }

  async #recoverNow(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopped;
    const lostAt = clock.monotonic();
    for (let tries = 0; !signal.aborted && !this.#isEnded; tries += 1) {
      const { saved } = this.#entry;
      if (saved === undefined) return;
      try {
        await this.#resumeAt(saved, this.#nodes.choose(tries));
        return;
      } catch (error) {
        if (signal.aborted) return;
        // What answers at the address of another node may be another tracker by now.
        if (isFinal(error) && !(error.code === 'pin-changed' && this.#nodes.hasOthers))
          return this.#setState({ kind: 'ended', problem: error.problem });
        const { round, waitMs = reconnectWait(round, clock.monotonic() - lostAt) } = this.#nodes.roundOf(tries);
        const problem = error instanceof PeerError ? error.problem : trackerUnreachable(this.address).problem;
        this.#setState({ kind: 'waiting', problem, retryAt: clock.now() + waitMs });
        await this.#hurried.wait(waitMs, { signal }).catch(() => undefined); // stopped: the loop's condition sees it
      }
    }
  }

  async #resumeAt(saved: SavedSession, { node, limitMs }: ReturnType<TrackerNodes['choose']>): Promise<void> {
    const { signal } = this.#stopped;
    this.#channels.moveTo(node);
    using deadline = limitMs === undefined ? undefined : withDeadline(signal, limitMs, this.#options.clock);
    await this.resume(saved, { signal: deadline?.signal ?? signal, fork: false });
    if (limitMs !== undefined) this.#udpHealth.renewed();
  }

  // --- requests ----------------------------------------------------------------------------------------------------------

  async #send(message: Message, { signal }: AbortOptions): Promise<object> {
    if (this.#grant === undefined) throw notLoggedIn();
    await this.#waitOnline({ signal });
    const fits = Buffer.byteLength(JSON.stringify(message)) <= MAX_UDP_REQUEST_BYTES;
    if (this.#channels.openTcp === undefined && this.#udpHealth.mayTry && fits) {
      try {
        const reply = await (await this.#channels.udp({ signal })).request(message, { signal });
        if (!saysUseTcp(reply)) return reply;
      } catch (error) {
        if (!(error instanceof UdpSilence)) throw error;
        this.#udpHealth.failed();
      }
    }
    return this.#sendTcp(message, { signal });
  }

  /** The same id each time, so the tracker applies it once however often the connection breaks. */
  async #sendTcp(message: Message, { signal }: AbortOptions): Promise<object> {
    using deadline = withDeadline(signal, TCP_PATIENCE_MS, this.#options.clock);
    for (;;) {
      try {
        const channel = await this.#entry.tcp(deadline);
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

  async #waitOnline({ signal }: AbortOptions): Promise<void> {
    this.#throwIfEnded();
    if (this.#recovery === undefined) return;
    const patienceMs = this.#nodes.hasOthers ? MOVING_PATIENCE_MS : OUTAGE_PATIENCE_MS;
    using deadline = withDeadline(signal, patienceMs, this.#options.clock);
    const { promise, reject } = Promise.withResolvers<never>();
    deadline.signal.addEventListener('abort', () => reject(deadline.signal.reason as Error), { once: true });
    try {
      await Promise.race([this.#recovery, promise]);
    } catch (error) {
      signal.throwIfAborted();
      throw trackerUnreachable(this.address, error);
    }
    this.#throwIfEnded();
  }

  get #isEnded(): boolean {
    return this.#state.kind === 'ended';
  }

  #throwIfEnded(): void {
    if (this.#state.kind === 'ended') throw new PeerError(this.#state.problem);
  }

  // --- heartbeats --------------------------------------------------------------------------------------------------------

  async #beat(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted && !this.#isEnded) {
      try {
        await this.#heartbeat({ signal });
        this.#closeUnusedTcp();
        await this.#suspicion.wait(this.#heartbeatMs, { signal });
      } catch (error) {
        if (signal.aborted) return;
        if (isFinal(error)) return this.#setState({ kind: 'ended', problem: error.problem });
        await this.#recover();
      }
    }
  }

  async #heartbeat({ signal }: AbortOptions): Promise<void> {
    const receipts = this.#receipts.next();
    const { libraryRevision } = this.#options.presence();
    const message = { v: PROTOCOL_VERSION, id: nanoid(12), type: 'heartbeat', libraryRevision, ...receipts };
    const reply = parseReply('heartbeat', await this.#heartbeatReply(message, { signal }));
    if (!reply.ok) throw peerErrorOf(reply.error);
    this.#receipts.delivered(receipts);
    this.#heartbeatMs = reply.heartbeatMs;
    this.#nodes.learn(reply.nodes);
    this.#learnTime(reply.serverTime);
    this.#options.onEpoch(reply.epoch);
    if (this.#state.kind === 'waiting') this.#setState({ kind: 'online' }); // it said that it would leave, and has not
  }

  async #heartbeatReply(message: Message, { signal }: AbortOptions): Promise<object> {
    const patienceMs = this.#nodes.hasOthers ? QUICK_PATIENCE_MS : HEARTBEAT_PATIENCE_MS;
    if (this.#udpHealth.mayTry) {
      try {
        const reply = await (await this.#channels.udp({ signal })).request(message, {
          signal,
          giveUpMs: patienceMs,
        });
        this.#udpHealth.worked();
        return reply;
      } catch (error) {
        // UDP that has worked means a tracker that is gone: recovery finds out. Blocked UDP shows when TCP works beside it.
        const isGone = this.#channels.openTcp === undefined || this.#nodes.hasOthers;
        if (!(error instanceof UdpSilence) || (this.#udpHealth.isProven && isGone)) throw error;
        this.#udpHealth.failed();
      }
    }
    using deadline = withDeadline(signal, patienceMs, this.#options.clock);
    return await (await this.#entry.tcp(deadline)).request(message, deadline); // not waited for, it would lose its deadline
  }

  #closeUnusedTcp(): void {
    const isUnused = this.#options.clock.monotonic() - this.#tcpUsedAt > TCP_UNUSED_MS;
    if (this.#udpHealth.isKeeping && isUnused) this.#channels.closeTcp();
  }

  /** The quickest sign of a restart. Where UDP keeps the session alive it only raises the question: a heartbeat at once asks it. */
  #tcpClosed(): void {
    if (this.#stopped.signal.aborted || this.#heartbeats === undefined) return;
    if (this.#udpHealth.isKeeping) this.#suspicion.beat();
    else void this.#recover();
  }

  #takeEvent(event: TrackerEvent): void {
    if (event.event === 'challenge') return void this.#answerChallenge(event.challenge);
    if (!this.#receipts.event(event.eventId)) return;
    if (event.event === 'shutting-down' && this.#nodes.hasOthers) {
      this.#leaveNode();
      return;
    }
    if (event.event === 'shutting-down') {
      const { problem } = peerErrorOf({ code: 'shutting-down', message: '' });
      this.#setState({ kind: 'waiting', problem, retryAt: this.#options.clock.now() + this.#heartbeatMs });
    }
    if (event.event === 'ended') this.#setState({ kind: 'ended', problem: peerErrorOf(event.error).problem });
    this.#options.onEvent(event);
  }

  /** Another node takes the session up while this one still answers. */
  #leaveNode(): void {
    this.#nodes.leave();
    if (this.#heartbeats !== undefined) void this.#recover();
  }

  async #answerChallenge(challenge: string): Promise<void> {
    try {
      const udp = await this.#channels.udp(this.#stopped);
      udp.send({ v: PROTOCOL_VERSION, id: nanoid(12), type: 'path', challenge });
    } catch {
      // No socket to answer from: the session goes on over TCP.
    }
  }

  #learnTime(serverTime: number): void {
    this.#timeOffsetMs = serverTime - this.#options.clock.monotonic();
  }

  #setState(state: ConnectionState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}
