/**
 * Requests over datagrams; see docs/protocol.md "UDP". What is cheap to judge is judged first (length, version, kind, cookie or
 * seal); whatever fails is dropped in silence and counted. Nothing unproven is answered with more bytes than it sent.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import { encodeJson } from '../../common/protocol/json.js';
import { MAX_PIPELINED } from '../../common/protocol/limits.js';
import type { Reply, Request } from '../../common/protocol/messages.js';
import { RequestError } from '../../common/protocol/parse.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Log } from '../../common/runtime/log.js';
import { Cookies } from '../../common/wire/cookie.js';
import {
  type Datagram,
  decodeDatagram,
  encodeCookie,
  encodeHint,
  HINT,
  isPeerData,
  KIND,
  SESSION_BYTES,
  sessionOfData,
} from '../../common/wire/datagrams.js';
import { KemKeys } from '../../common/wire/kem-keys.js';
import { MAX_DATA_BYTES } from '../../common/wire/sealed-data.js';
import { type LoginKeys, MAX_SEALED_LOGIN_REPLY_BYTES, sealLoginReply } from '../../common/wire/sealed-login.js';
import { MAX_SEALED_RESUME_REPLY_BYTES, openResume } from '../../common/wire/sealed-resume.js';
import type { Address, Carrier } from '../carrier.js';
import { plainHost } from '../registry/addresses.js';
import type { EventLink } from '../registry/event-outbox.js';
import type { Session } from '../registry/session.js';
import type { Router } from '../router.js';
import type { Services } from '../services.js';
import { readRequest, refusal, tooLong } from './read-request.js';
import { RecentReplies } from './recent-replies.js';
import { SourceBuckets } from './source-buckets.js';
import { Turns } from './turns.js';

/** About 6,500 small datagrams: what may arrive while the event loop is busy. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Logins whose seal is opened at once, in the process for it: so many that it need not wait for the next. */
const LOGINS_AT_ONCE = 8;
/** Others that wait for it: what is opened in one or two tenths of a second. */
const MAX_WAITING_LOGINS = 64;

export interface UdpOptions {
  readonly services: Services;
  readonly router: Router;
  readonly host: string;
  readonly port: number;
}

/** Datagrams that were dropped in silence, by reason. */
export interface DropCounts {
  malformed: number;
  overRate: number;
  badCookie: number;
  badSeal: number;
  noSession: number;
  tooMany: number;
  banned: number;
  failed: number;
}

type From = { readonly address: Address; readonly size: number };

export class UdpTransport implements Part {
  readonly drops: DropCounts = {
    malformed: 0,
    overRate: 0,
    badCookie: 0,
    badSeal: 0,
    noSession: 0,
    tooMany: 0,
    banned: 0,
    failed: 0,
  };
  readonly #services: Services;
  readonly #router: Router;
  readonly #log: Log;
  readonly #cookies: Cookies;
  readonly #buckets: SourceBuckets;
  /** Apart from the others: a flood of hellos must not keep out those who come back. */
  readonly #refusedResumes: SourceBuckets;
  /** By user: one account that resumes or forks in a loop must not keep the tracker from all others. */
  readonly #resumesOfUser: SourceBuckets;
  readonly #resumeReplies: RecentReplies;
  readonly #logins = new Turns({ atOnce: LOGINS_AT_ONCE, waiting: MAX_WAITING_LOGINS });
  readonly #kemKeys: KemKeys;
  readonly #socket: Socket;
  #closed: Promise<unknown> | undefined;

  private constructor({ services, router }: UdpOptions, socket: Socket, kemKeys: KemKeys) {
    this.#services = services;
    this.#router = router;
    this.#log = services.log;
    this.#cookies = new Cookies(services.clock);
    this.#buckets = new SourceBuckets(services.clock);
    this.#refusedResumes = new SourceBuckets(services.clock);
    this.#resumesOfUser = new SourceBuckets(services.clock);
    this.#resumeReplies = new RecentReplies(services.clock);
    this.#kemKeys = kemKeys;
    this.#socket = socket;
    socket.on('message', (datagram, remote) => this.#receive(datagram, remote));
    socket.on('error', (error) => this.#log.write('warn', 'the UDP socket reported an error', { error }));
  }

  /** Resolves when datagrams are received. `host` is an address. @throws the system's error, such as EADDRINUSE. */
  static async listen(options: UdpOptions, { signal }: AbortOptions): Promise<UdpTransport> {
    const { services, host, port } = options;
    const kemKeys = await KemKeys.create(services.identity, services.clock);
    const type = isIPv6(host) ? 'udp6' : 'udp4';
    const socket = createSocket({ type, recvBufferSize: RECEIVE_BUFFER_BYTES, lookup: asItIs });
    try {
      const listening = once(socket, 'listening', { signal });
      socket.bind({ port, address: host });
      await listening;
    } catch (error) {
      socket.close();
      throw error;
    }
    services.log.write('info', 'UDP receive buffer', {
      asked: RECEIVE_BUFFER_BYTES,
      granted: socket.getRecvBufferSize(),
    });
    return new UdpTransport(options, socket, kemKeys);
  }

  /** An event, once; resending is the outbox's work. */
  sendEvent(session: Session, event: TrackerEvent): void {
    if (session.udpAddress !== undefined) this.#send(session.seal(encodeJson(event)), session.udpAddress);
  }

  async stop(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  /** Whatever is wrong with one datagram, or with us about it, ends here: an error that left the listener would end the process. */
  #receive(datagram: Buffer, remote: RemoteInfo): void {
    try {
      this.#take(datagram, remote);
    } catch (error) {
      this.#drop('failed');
      this.#log.write('error', 'a datagram could not be judged', { error });
    }
  }

  #take(datagram: Buffer, remote: RemoteInfo): void {
    const isData = isPeerData(datagram);
    const fields = isData ? undefined : decodeDatagram(datagram);
    // Attacker: a forged source port 0, to which no socket can send. Nobody honest has it.
    if (remote.port === 0 || (fields === undefined && !isData)) return void this.#drop('malformed');
    if (this.#services.policy.isBannedHost(remote.address)) return void this.#drop('banned');
    const from: From = { address: { host: plainHost(remote.address), port: remote.port }, size: datagram.length };
    if (fields === undefined) this.#takeData(datagram, from);
    else this.#takeOther(datagram, fields, from);
  }

  /** What comes before there is a session. */
  #takeOther(datagram: Buffer, fields: Datagram, from: From): void {
    switch (fields.kind) {
      case KIND.hello:
        return void this.#takeHello(fields.nonce, from);
      case KIND.login:
        return void this.#takeLogin(datagram, fields, from);
      case KIND.resume:
        return void this.#takeResume(datagram, fields, from);
      default:
        return void this.#drop('malformed'); // kinds that only a tracker sends
    }
  }

  #takeHello(nonce: Buffer, { address }: From): void {
    if (!this.#buckets.take(address.host)) return void this.#drop('overRate');
    const cookie = this.#cookies.make(address.host, address.port);
    this.#send(encodeCookie({ nonce, cookie, offer: this.#kemKeys.offer() }), address);
  }

  #takeLogin(datagram: Buffer, { cookie, keyId }: Datagram & { kind: typeof KIND.login }, { address }: From): void {
    if (!this.#cookies.check(cookie, address.host, address.port)) return void this.#drop('badCookie');
    if (!this.#buckets.take(address.host)) return void this.#drop('overRate');
    const kemSecret = this.#kemKeys.find(keyId);
    if (kemSecret === undefined) return void this.#drop('badSeal');
    if (this.#logins.isFull) return void this.#drop('tooMany'); // the peer sends it again, and goes over to TCP
    this.#detach(this.#login(datagram, { kemSecret, trackerPin: this.#services.identity.pin }, address));
  }

  async #login(datagram: Buffer, keys: LoginKeys, address: Address): Promise<void> {
    const opened = await this.#logins.run(() => this.#services.openLogin(datagram, keys));
    if (opened === undefined) return void this.#drop('badSeal');
    const request = readRequest(opened.plaintext);
    const reply = await this.#enter(request, carrierOf(address, MAX_SEALED_LOGIN_REPLY_BYTES));
    if (reply !== undefined) this.#send(sealLoginReply(opened, reply), address);
  }

  #takeResume(datagram: Buffer, { cookie }: Datagram & { kind: typeof KIND.resume }, { address }: From): void {
    if (!this.#cookies.check(cookie, address.host, address.port)) return void this.#drop('badCookie');
    const known = this.#resumeReplies.find(datagram);
    if (known === 'pending') return; // its reply is on the way
    if (known !== undefined) return void this.#send(known, address);
    // A valid token is let through whatever the source's rate: behind one address a whole office may come back at once.
    // To find out costs a decryption: whoever sent forged ones without end is not listened to, and may come over TCP.
    if (!this.#refusedResumes.has(address.host)) return void this.#drop('overRate');
    const opened = openResume(datagram, (token) => this.#services.tokens.open(token)?.resumeKey);
    if (opened === undefined || 'refused' in opened) this.#refusedResumes.take(address.host);
    if (opened === undefined) return void this.#drop('badSeal');
    if ('refused' in opened) return void this.#hint(HINT.tokenRefused, opened.refused, address);
    const user = this.#services.tokens.open(opened.token)?.user; // remembered since it was opened above
    if (user === undefined || !this.#resumesOfUser.take(user)) return void this.#drop('overRate');
    const settle = this.#resumeReplies.begin(datagram);
    this.#detach(this.#resume(opened, address, settle));
  }

  async #resume(
    opened: Exclude<ReturnType<typeof openResume>, { refused: Buffer } | undefined>,
    address: Address,
    settle: (reply: Buffer | undefined) => void,
  ): Promise<void> {
    let sealed: Buffer | undefined;
    try {
      const request = readRequest(opened.plaintext, opened.token);
      const reply = await this.#enter(request, carrierOf(address, MAX_SEALED_RESUME_REPLY_BYTES));
      if (reply !== undefined) sealed = opened.sealReply(reply);
    } finally {
      settle(sealed);
    }
    if (sealed !== undefined) this.#send(sealed, address);
  }

  async #enter(request: Request | RequestError, carrier: Carrier): Promise<object | undefined> {
    if (request instanceof RequestError) return refusal(request);
    const isRepeated = 'attempt' in request && this.#router.isRepetition(request);
    const { reply, session } = await this.#router.enter(request, carrier);
    // A recorded datagram that is played back must not move the session to where it once was.
    if (session !== undefined && !session.isEnded && !(isRepeated && session.udpAddress !== undefined)) {
      session.useUdp(carrier.from, this.#linkOf(session));
    }
    return reply;
  }

  #takeData(datagram: Buffer, from: From): void {
    const session = this.#services.registry.find(sessionOfData(datagram));
    if (session === undefined) {
      this.#drop('noSession');
      return void this.#hint(HINT.noSession, datagram.subarray(2, 2 + SESSION_BYTES), from.address);
    }
    const plaintext = session.open(datagram);
    if (plaintext === undefined) return void this.#drop('badSeal');
    const request = readRequest(plaintext);
    if (!this.#isProven(session, request, from)) return void this.#challenge(session, from);
    if (session.inFlight >= MAX_PIPELINED) return void this.#drop('tooMany'); // the peer sends it again
    const carrier = carrierOf(from.address, MAX_DATA_BYTES);
    session.note('udp');
    const reply =
      request instanceof RequestError ? refusal(request) : this.#router.answerAtOnce(session, request, carrier);
    if (reply !== undefined) this.#sendReply(session, reply, from.address);
    else if (!(request instanceof RequestError)) this.#detach(this.#answer(session, request, carrier));
  }

  async #answer(session: Session, request: Request, carrier: Carrier): Promise<void> {
    session.inFlight += 1;
    try {
      this.#sendReply(session, await this.#router.answer(session, request, carrier), carrier.from);
    } finally {
      session.inFlight -= 1;
    }
  }

  #sendReply(session: Session, reply: Reply, address: Address): void {
    const plaintext = encodeJson(reply);
    const fitting = plaintext.length <= MAX_DATA_BYTES ? plaintext : encodeJson(tooLong(reply.id));
    this.#send(session.seal(fitting), address);
  }

  /** True when the datagram came from the session's address, or brings back the challenge that was sent to another one. */
  #isProven(session: Session, request: Request | RequestError, { address }: From): boolean {
    const known = session.udpAddress;
    if (known?.host === address.host && known.port === address.port) return true;
    const isAnswer =
      !(request instanceof RequestError) &&
      request.type === 'path' &&
      this.#services.challenges.check(session.name, address, request.challenge);
    if (!isAnswer) return false;
    session.useUdp(address, this.#linkOf(session));
    if (session.observed.host !== address.host) {
      session.observed = address;
      this.#services.dialBack.forget(session);
      this.#services.dialBack.check(session);
    }
    session.outbox.flush();
    return true;
  }

  #challenge(session: Session, { address, size }: From): void {
    const challenge = this.#services.challenges.make(session.name, address);
    const datagram = session.seal(encodeJson({ v: 1, event: 'challenge', challenge } satisfies TrackerEvent));
    if (datagram.length <= size) this.#send(datagram, address);
    else this.#drop('tooMany');
  }

  #hint(what: typeof HINT.noSession | typeof HINT.tokenRefused, echo: Buffer, address: Address): void {
    if (this.#buckets.take(address.host)) this.#send(encodeHint(what, echo), address);
    else this.#drop('overRate');
  }

  #linkOf(session: Session): EventLink {
    return new UdpLink(this, session);
  }

  #drop(reason: keyof DropCounts): void {
    this.drops[reason] += 1;
  }

  #send(datagram: Buffer, { host, port }: Address): void {
    if (this.#closed !== undefined) return;
    if (!this.#log.isEnabled('debug')) return void this.#socket.send(datagram, port, host); // nobody is told of failures then
    this.#socket.send(datagram, port, host, (error) => {
      if (error !== null) this.#log.write('debug', 'a datagram could not be sent', { host, port, error });
    });
  }

  #detach(work: Promise<void>): void {
    work.catch((error: unknown) => {
      // Behind its end nobody waits for an answer.
      if (this.#closed === undefined) this.#log.write('error', 'a datagram could not be answered', { error });
    });
  }
}

/** A class, because each of very many sessions has one. */
class UdpLink implements EventLink {
  readonly isReliable = false;

  constructor(
    private readonly transport: UdpTransport,
    private readonly session: Session,
  ) {}

  send(event: TrackerEvent): void {
    this.transport.sendEvent(this.session, event);
  }
}

/** Only addresses are bound and sent to. Node's own way through the resolver would take a turn of the event loop for each datagram. */
function asItIs(
  host: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, host, host.includes(':') ? 6 : 4); // asked for every datagram
}

function carrierOf(from: Address, maxReplyBytes: number): Carrier {
  return { kind: 'udp', from, maxReplyBytes };
}
