/**
 * One session with a tracker over one transport only, driven by hand: tests choose ids, send twice, and see every reply as it came.
 * It uses the peer's own channels, which know lines and datagrams but decide nothing.
 */
import { randomBytes } from 'node:crypto';
import { fromBase64url } from '../../common/protocol/base64url.js';
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import {
  PROTOCOL_VERSION,
  type Reply,
  type Request,
  type RequestType,
  type SessionGrant,
} from '../../common/protocol/messages.js';
import { parseReply } from '../../common/protocol/parse.js';
import { systemClock } from '../../common/runtime/clock.js';
import type { Identity } from '../../common/wire/identity.js';
import { deriveKeys } from '../../common/wire/sealed-data.js';
import { loginMessage, type Presence, resumeMessage, savedSessionOf } from '../../peer/tracker-client/session-keys.js';
import { TcpChannel } from '../../peer/tracker-client/tcp-channel.js';
import { UdpChannel } from '../../peer/tracker-client/udp-channel.js';
import { UdpSilence } from '../../peer/tracker-client/udp-silence.js';

export type Transport = 'udp' | 'tcp';
export const TRANSPORTS: readonly Transport[] = ['udp', 'tcp'];

export interface RawTarget {
  readonly host: string;
  readonly port: number;
  /** With or without `sha256:`. */
  readonly pin: string;
}

export interface RawLogin {
  readonly transport: Transport;
  readonly user: string;
  readonly password: string;
  readonly device: Identity;
  readonly presence?: Partial<Presence>;
}

/** A request without its envelope. */
export type RawBody<T extends RequestType> = Omit<Request<T>, 'v' | 'id' | 'type' | 'acks' | 'seen'>;

/** How often a request over a lossy wire is begun anew, with the same id, before a test gives up. */
const PATIENCE = 8;
const TIMEOUT_MS = 20_000;

export class RawSession implements Disposable {
  readonly events: TrackerEvent[] = [];
  grant!: SessionGrant;
  #tcp: TcpChannel | undefined;
  #udp: UdpChannel | undefined;
  /** Also receives events as they come. */
  onEvent: (event: TrackerEvent) => void = () => undefined;

  private constructor(
    readonly target: RawTarget,
    readonly login: RawLogin,
  ) {}

  /** Connects and logs in. @throws {Error} with the code when the tracker refuses. */
  static async open(target: RawTarget, login: RawLogin): Promise<RawSession> {
    const session = new RawSession(target, login);
    const reply = await session.tryLogin();
    if (!reply.ok) throw new Error(`login refused: ${reply.error.code}`);
    return session;
  }

  /** A session object that has not logged in; `tryLogin` does. */
  static closed(target: RawTarget, login: RawLogin): RawSession {
    return new RawSession(target, login);
  }

  /** Logs in, repeating the same message where the wire loses it. */
  async tryLogin(): Promise<Reply<'login'>> {
    const { user, password, device, presence: more } = this.login;
    const presence: Presence = { serving: false, libraryRevision: 0, ...more };
    const message = loginMessage({ id: newId(), user, password, trackerPin: this.#pin, device, presence });
    const raw = await this.#enter(message, (udp, options) => udp.login(message, options));
    return this.#adopt(parseReply('login', raw));
  }

  /** Takes this session up again with new keys, over its transport. */
  async tryResume(presence: Partial<Presence> = {}): Promise<Reply<'resume'>> {
    const saved = savedSessionOf(this.grant);
    const message = resumeMessage(
      saved,
      { serving: false, libraryRevision: 0, ...this.login.presence, ...presence },
      newId(),
    );
    const key = fromBase64url(saved.resumeKey, 32);
    const withToken = { ...message, token: saved.resumeToken };
    const isUdp = this.login.transport === 'udp';
    const raw = await this.#enter(isUdp ? message : withToken, (udp, options) =>
      udp.resume(message, saved.resumeToken, key, options),
    );
    return this.#adopt(parseReply('resume', raw));
  }

  /** Sends one request and returns its reply, refusals included. The same `id` may be given twice. */
  async request<T extends RequestType>(
    type: T,
    body: RawBody<T>,
    envelope: { id?: string; acks?: string[] } = {},
  ): Promise<Reply<T>> {
    const message = { v: PROTOCOL_VERSION, id: newId(), type, ...body, ...envelope };
    return parseReply(type, await this.send(message));
  }

  /** Sends any object that has an id. */
  async send(message: { readonly id: string }): Promise<object> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    if (this.#tcp !== undefined) return this.#tcp.request(message, { signal });
    const udp = this.#udp;
    if (udp === undefined) throw new Error('not connected');
    return insistently(() => udp.request(message, { signal }));
  }

  get keyExchange(): string | undefined {
    return this.#tcp?.keyExchange;
  }

  [Symbol.dispose](): void {
    this.#tcp?.close();
    this.#udp?.close();
    this.#tcp = undefined;
    this.#udp = undefined;
  }

  get #pin(): string {
    return this.target.pin.replace(/^sha256:/, '');
  }

  async #enter(
    message: { readonly id: string },
    overUdp: (udp: UdpChannel, options: { signal: AbortSignal }) => Promise<object>,
  ): Promise<object> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { host, port } = this.target;
    const onEvent = (event: TrackerEvent): void => {
      this.events.push(event);
      this.onEvent(event);
    };
    const place = { host, port, pin: this.#pin, onEvent };
    if (this.login.transport === 'tcp') {
      this.#tcp?.close();
      this.#tcp = await TcpChannel.open({ ...place, signal, onClose: () => undefined });
      return this.#tcp.request(message, { signal });
    }
    this.#udp ??= await UdpChannel.open({ ...place, clock: systemClock, onNoSession: () => undefined }, { signal });
    const udp = this.#udp;
    return insistently(() => overUdp(udp, { signal }));
  }

  #adopt<T extends 'login' | 'resume'>(reply: Reply<T>): Reply<T> {
    if (!reply.ok) return reply;
    const grant = reply as unknown as SessionGrant;
    this.grant = grant;
    const session = fromBase64url(grant.session, 16);
    this.#udp?.useSession({ session, ...deriveKeys(fromBase64url(grant.accessKey, 32), session) });
    return reply;
  }
}

export function newId(): string {
  return randomBytes(9).toString('base64url');
}

/** A file id that nobody has. */
export function randomFileId(): string {
  return randomBytes(32).toString('hex');
}

async function insistently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UdpSilence) || attempt >= PATIENCE) throw error;
    }
  }
}
