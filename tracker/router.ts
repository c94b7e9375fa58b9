/**
 * From a request to its reply: one handler a verb, whichever transport brought it. Knows sessions and services, no sockets.
 * Neighbours: `transport/` calls it, `handlers/` do the work, `error-body.ts` turns failures into codes.
 */
import { ProtocolError } from '../common/protocol/errors.js';
import { MUTATIONS, type Reply, type ReplyBody, type Request, type RequestType } from '../common/protocol/messages.js';
import type { Carrier } from './carrier.js';
import type { Entry } from './entry.js';
import { errorBodyOf } from './error-body.js';
import { admin } from './handlers/admin.js';
import { atRisk } from './handlers/at-risk.js';
import type { Handler } from './handlers/call.js';
import { copies } from './handlers/copies.js';
import { del } from './handlers/del.js';
import { depot } from './handlers/depot.js';
import { asksForLibrary, heartbeat, heartbeatAtOnce } from './handlers/heartbeat.js';
import { hold } from './handlers/hold.js';
import { listPeers } from './handlers/list-peers.js';
import { listPublished } from './handlers/list-published.js';
import { login } from './handlers/login.js';
import { logout } from './handlers/logout.js';
import { path } from './handlers/path.js';
import { paths } from './handlers/paths.js';
import { publish } from './handlers/publish.js';
import { put } from './handlers/put.js';
import { reach } from './handlers/reach.js';
import { receipt } from './handlers/receipt.js';
import { rename } from './handlers/rename.js';
import { resume } from './handlers/resume.js';
import { revocations } from './handlers/revocations.js';
import { rights } from './handlers/rights.js';
import { search } from './handlers/search.js';
import { searchPaths } from './handlers/search-paths.js';
import { searches } from './handlers/searches.js';
import { sources } from './handlers/sources.js';
import { stored } from './handlers/stored.js';
import { unpublish } from './handlers/unpublish.js';
import { work } from './handlers/work.js';
import type { Session } from './registry/session.js';
import type { Services } from './services.js';
import { Transcript } from './transcript.js';

type SessionVerb = Exclude<RequestType, 'login' | 'resume'>;

const HANDLERS: { readonly [T in SessionVerb]: Handler<T> } = {
  logout,
  heartbeat,
  publish,
  unpublish,
  rights,
  rename,
  paths,
  listPublished,
  listPeers,
  search,
  searches,
  searchPaths,
  sources,
  hold,
  receipt,
  reach,
  put,
  del,
  copies,
  atRisk,
  depot,
  work,
  stored,
  revocations,
  path,
  admin,
};

/** They keep a session alive, or end it: no rate keeps anybody from that. */
const UNLIMITED: ReadonlySet<RequestType> = new Set(['heartbeat', 'path', 'logout']);

export interface EntryReply {
  readonly reply: Reply;
  /** There when the login or resume succeeded. */
  readonly session?: Session;
}

export class Router {
  #isClosing = false;
  /** Another node can answer what this one cannot: but for what keeps a session, requests are answered as when this one is closing. */
  isCutOff = false;

  readonly #transcript: Transcript;

  constructor(private readonly services: Services) {
    this.#transcript = new Transcript(services.log, services.clock);
  }

  /** From now on every request is answered `shutting-down`. */
  close(): void {
    this.#isClosing = true;
    this.services.health.isClosing = true;
  }

  /** A request of somebody who has no session yet: only `login` and `resume` make one. */
  async enter(request: Request, carrier: Carrier): Promise<EntryReply> {
    const entered = await this.#tryToEnter(request, carrier);
    this.#transcript.entered(request, entered.reply, carrier);
    return entered;
  }

  async #tryToEnter(request: Request, carrier: Carrier): Promise<EntryReply> {
    const startedAt = this.services.clock.monotonic();
    try {
      this.#refuseWhenClosing(request);
      const { session, grant } = await this.#enter(request, carrier);
      return { reply: this.#counted(success<'login'>(request.id, grant), { request, carrier, startedAt }), session };
    } catch (error) {
      return { reply: this.#counted(this.#failure(request.id, error), { request, carrier, startedAt }) };
    }
  }

  /** Whether this exact login or resume was made before: on a connection that has its session, only such a one is answered. */
  isRepetition(request: Request<'login' | 'resume'>): boolean {
    return this.services.attempts.has(request);
  }

  async answer(session: Session, request: Request, carrier: Carrier): Promise<Reply> {
    const startedAt = this.services.clock.monotonic();
    const reply = this.#counted(await this.#replyTo(session, request, carrier), { request, carrier, startedAt });
    this.#transcript.answered(session, request, reply);
    return reply;
  }

  /**
   * The reply to a heartbeat for which nothing has to be waited, as nearly all are; undefined for every other request, which is then
   * for `answer`. By far the most frequent request: a promise for each would cost more than the rest of it.
   */
  answerAtOnce(session: Session, request: Request, carrier: Carrier): Reply | undefined {
    if (request.type !== 'heartbeat' || this.#isClosing || session.isEnded) return undefined;
    if (request.acks !== undefined || !session.owedAcks.isEmpty || asksForLibrary(request, session)) return undefined;
    const startedAt = this.services.clock.monotonic();
    this.services.registry.touch(session);
    if (request.seen !== undefined) session.outbox.seen(request.seen);
    const reply = success<'heartbeat'>(request.id, heartbeatAtOnce(this.services, session));
    return this.#counted(reply, { request, carrier, startedAt });
  }

  async #replyTo(session: Session, request: Request, carrier: Carrier): Promise<Reply> {
    try {
      this.#refuseWhenClosing(request);
      if (session.isEnded && request.type !== 'logout') throw new ProtocolError('session-ended');
      if (request.type === 'login' || request.type === 'resume') throw new ProtocolError('not-allowed');
      this.services.registry.touch(session);
      this.#noteAcks(session, request.acks);
      if (!UNLIMITED.has(request.type)) this.services.rates.take(session.user, 'requestRate', 1);
      if (request.seen !== undefined) session.outbox.seen(request.seen);
      return success(request.id, await this.#handleWithAcks(request, session, carrier));
    } catch (error) {
      return this.#failure(request.id, error);
    }
  }

  #enter(request: Request, carrier: Carrier): Promise<Entry> {
    if (request.type === 'login') return login(this.services, request, carrier);
    if (request.type === 'resume') return resume(this.services, request, carrier);
    throw new ProtocolError('not-logged-in');
  }

  #handle<T extends SessionVerb>(request: Request<T>, session: Session, carrier: Carrier): Promise<ReplyBody<T>> {
    // TypeScript cannot see that the handler and the request are of one type: the table says so.
    const handler = HANDLERS[request.type as T] as Handler<T>;
    return handler(this.services, { request, session, carrier });
  }

  /** A client says them once, also with a request that is refused. */
  #noteAcks({ owedAcks, spentIds }: Session, acks: readonly string[] = []): void {
    owedAcks.owe(acks);
    spentIds.add(acks, this.services.clock.monotonic());
  }

  /** Mutations carry acknowledgements into the store themselves. Durable before the reply, or owed: the client forgets them with it. */
  async #handleWithAcks<T extends SessionVerb>(
    request: Request<T>,
    session: Session,
    carrier: Carrier,
  ): Promise<ReplyBody<T>> {
    const acks = session.owedAcks.all;
    if (!MUTATIONS.has(request.type)) {
      const [body] = await Promise.all([this.#handle(request, session, carrier), this.#acknowledge(session, acks)]);
      return body;
    }
    const body = await this.#handle<T>({ ...request, acks }, session, carrier);
    session.owedAcks.stored(acks);
    return body;
  }

  /** Reads go on while the store cannot write. */
  async #acknowledge(session: Session, acks: readonly string[]): Promise<void> {
    if (acks.length === 0) return;
    try {
      await this.services.store.acknowledge(session.name, acks);
      session.owedAcks.stored(acks);
    } catch (error) {
      this.services.log.write('warn', 'acknowledgements could not be stored', { error });
    }
  }

  #counted(
    reply: Reply,
    { request, carrier, startedAt }: { request: Request; carrier: Carrier; startedAt: number },
  ): Reply {
    const code = reply.ok ? 'ok' : reply.error.code;
    this.services.metrics.answered(request.type, carrier.kind, code, startedAt);
    if (MUTATIONS.has(request.type)) this.services.health.noteWrite(code);
    return reply;
  }

  #refuseWhenClosing({ type }: Request): void {
    if (this.#isClosing || (this.isCutOff && !UNLIMITED.has(type))) throw new ProtocolError('shutting-down');
  }

  #failure(id: string, error: unknown): Reply {
    const body = errorBodyOf(error, this.services.log);
    if (!this.isCutOff || body.code !== 'storage') return { id, ok: false, error: body };
    // Asked before it was known that another node can answer.
    return { id, ok: false, error: errorBodyOf(new ProtocolError('shutting-down'), this.services.log) };
  }
}

function success<T extends RequestType>(id: string, body: ReplyBody<T>): Reply {
  return { id, ok: true, ...body } as Reply;
}
