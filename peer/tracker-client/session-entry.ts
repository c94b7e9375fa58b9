/**
 * How a session is entered: login, resume, and the TLS connection that belongs to it. All of these queue, since each makes the keys
 * before it useless. It knows nothing of heartbeats or requests: `tracker-client.ts` decides when to enter.
 */
import { nanoid } from 'nanoid';

import { fromBase64url } from '../../common/protocol/base64url.js';
import type { SessionGrant } from '../../common/protocol/messages.js';
import { parseReply } from '../../common/protocol/parse.js';
import type { Clock } from '../../common/runtime/clock.js';
import { type AbortOptions, withDeadline } from '../../common/runtime/deadline.js';
import type { Identity } from '../../common/wire/identity.js';
import { PinMismatchError } from '../../common/wire/pinned-tls.js';
import type { Channels } from './channels.js';
import { notLoggedIn, peerErrorOf, pinChanged, trackerUnreachable } from './problems.js';
import {
  loginMessage,
  type Presence,
  resumeMessage,
  type SavedSession,
  savedSessionOf,
  sessionKeysOf,
} from './session-keys.js';
import type { TcpChannel } from './tcp-channel.js';
import type { UdpChannel } from './udp-channel.js';
import type { UdpHealth } from './udp-health.js';
import { UdpSilence } from './udp-silence.js';

/** A login may wait so long, ms, for the tracker's password hashing. */
const PATIENCE_MS = 15_000;

export interface SessionEntryOptions {
  readonly channels: Channels;
  readonly udpHealth: UdpHealth;
  readonly clock: Clock;
  /** `HOST:PORT`, for messages. */
  readonly address: string;
  /** 64 hex digits. */
  readonly pin: string;
  readonly device: Identity;
  readonly pqOnly: boolean;
  presence(): Presence;
  onGrant(grant: SessionGrant): void;
}

type Message = { readonly id: string };
type SendUdp = (udp: UdpChannel, options: AbortOptions) => Promise<object>;

export class SessionEntry {
  readonly #options: SessionEntryOptions;
  #queue: Promise<unknown> = Promise.resolve();
  #saved: SavedSession | undefined;

  constructor(options: SessionEntryOptions) {
    this.#options = options;
  }

  /** What takes the session up again; undefined before the first login. */
  get saved(): SavedSession | undefined {
    return this.#saved;
  }

  login(user: string, password: string, { signal }: AbortOptions): Promise<SessionGrant> {
    const { pin, device, presence } = this.#options;
    return this.#inTurn(() => {
      const message = loginMessage({ id: nanoid(12), user, password, trackerPin: pin, device, presence: presence() });
      return this.#enter('login', message, (udp, options) => udp.login(message, options), { signal });
    });
  }

  /** Takes `saved` up again, or with `fork` opens another session beside it. */
  resume(saved: SavedSession, { signal, fork }: AbortOptions & { readonly fork: boolean }): Promise<SessionGrant> {
    return this.#inTurn(() => this.#resume(saved, { signal, fork }));
  }

  /** The connection that belongs to the session; without one the session is resumed over a new one. */
  tcp({ signal }: AbortOptions): Promise<TcpChannel> {
    const { channels, presence } = this.#options;
    return this.#inTurn(async () => {
      const open = channels.openTcp;
      if (open !== undefined) return open; // perhaps opened by whoever was before us in the queue
      const saved = this.#saved;
      if (saved === undefined) throw notLoggedIn();
      const channel = await channels.newTcp({ signal });
      const message = { ...resumeMessage(saved, presence(), nanoid(12)), token: saved.resumeToken };
      const reply = parseReply('resume', await channel.request(message, { signal }));
      if (!reply.ok) throw peerErrorOf(reply.error);
      this.#adopt(reply);
      return channel;
    });
  }

  #inTurn<T>(enter: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(enter);
    this.#queue = turn.catch(() => undefined); // its caller has the error; this is only the queue
    return turn;
  }

  /** Over UDP first once that has worked, since it costs the tracker no public-key work; then over TCP. */
  async #resume(
    saved: SavedSession,
    { signal, fork }: AbortOptions & { readonly fork: boolean },
  ): Promise<SessionGrant> {
    const message = { ...resumeMessage(saved, this.#options.presence(), nanoid(12)), ...(fork ? { fork } : {}) };
    const sendUdp: SendUdp = (udp, options) =>
      udp.resume(message, saved.resumeToken, fromBase64url(saved.resumeKey, 32), options);
    if (this.#options.udpHealth.isProven) {
      try {
        const reply = parseReply('resume', await this.#overUdp(sendUdp, { signal }));
        if (reply.ok) return this.#adopt(reply);
      } catch (error) {
        if (!(error instanceof UdpSilence)) throw error;
      }
    }
    const withToken = { ...message, token: saved.resumeToken };
    return this.#enter('resume', withToken, sendUdp, { signal });
  }

  /** Over TCP and, when that way is closed, over UDP. */
  async #enter(
    type: 'login' | 'resume',
    message: Message,
    sendUdp: SendUdp,
    { signal }: AbortOptions,
  ): Promise<SessionGrant> {
    const { address, channels } = this.#options;
    let raw: object;
    try {
      raw = await this.#overTcp(message, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PinMismatchError) throw pinChanged(address, error.found);
      if (type === 'login' && this.#options.pqOnly) throw trackerUnreachable(address, error);
      raw = await this.#overUdp(sendUdp, { signal }).catch((silence: unknown) => {
        signal.throwIfAborted();
        throw trackerUnreachable(address, silence);
      });
    }
    const reply = parseReply(type, raw);
    if (reply.ok) return this.#adopt(reply);
    channels.closeTcp();
    throw peerErrorOf(reply.error);
  }

  async #overTcp(message: Message, { signal }: AbortOptions): Promise<object> {
    using deadline = withDeadline(signal, PATIENCE_MS, this.#options.clock);
    const channel = await this.#options.channels.newTcp(deadline);
    return await channel.request(message, deadline); // not waited for, it would lose its deadline
  }

  async #overUdp(send: SendUdp, { signal }: AbortOptions): Promise<object> {
    return send(await this.#options.channels.udp({ signal }), { signal });
  }

  #adopt(grant: SessionGrant): SessionGrant {
    this.#saved = savedSessionOf(grant);
    this.#options.channels.useSession(sessionKeysOf(grant));
    this.#options.onGrant(grant);
    return grant;
  }
}
