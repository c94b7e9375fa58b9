/** The transcript of this end: who did what with which outcome, a record each. Names and sizes, never passwords, tokens or keys. */
import type { Reply, Request } from '../common/protocol/messages.js';
import type { Clock } from '../common/runtime/clock.js';
import type { Log } from '../common/runtime/log.js';
import type { LogFields } from '../common/runtime/log-fields.js';
import type { Carrier } from './carrier.js';
import type { Session } from './registry/session.js';

/** A stranger who guesses must not fill the disk: more refused logins a minute than this are only counted. */
const MAX_REFUSALS_A_MINUTE = 60;
const MINUTE_MS = 60_000;
/** Names of one bulk request that are written; the rest are counted. */
const MAX_NAMES = 20;

export class Transcript {
  #minuteEndsAt = 0;
  #refusals = 0;
  #unwritten = 0;

  constructor(
    private readonly log: Log,
    private readonly clock: Clock,
  ) {}

  /** A login, or a session taken up again: the latter happens to all at once after a restart, so it is for `debug`. */
  entered(request: Request, reply: Reply, carrier: Carrier): void {
    const level = request.type === 'login' ? 'info' : 'debug';
    if (!this.log.isEnabled(level)) return;
    const user = request.type === 'login' ? request.user : 'user' in reply ? reply.user : undefined;
    const fields = { user, host: carrier.from.host, transport: carrier.kind, outcome: outcomeOf(reply) };
    if (reply.ok) this.log.write(level, request.type, fields);
    else if (this.#mayWriteRefusal()) this.log.write(level, request.type, { ...fields, ...this.#takeUnwritten() });
  }

  /** A request that changes something, or gives the permission to fetch something. */
  answered(session: Session, request: Request, reply: Reply): void {
    const what = this.log.isEnabled('info') ? fieldsOf(request, reply) : undefined;
    if (what === undefined) return;
    this.log.write('info', request.type, { user: session.user, outcome: outcomeOf(reply), ...what });
  }

  #mayWriteRefusal(): boolean {
    const now = this.clock.monotonic();
    if (now >= this.#minuteEndsAt) [this.#minuteEndsAt, this.#refusals] = [now + MINUTE_MS, 0];
    this.#refusals += 1;
    if (this.#refusals <= MAX_REFUSALS_A_MINUTE) return true;
    this.#unwritten += 1;
    return false;
  }

  #takeUnwritten(): LogFields {
    const unwritten = this.#unwritten;
    this.#unwritten = 0;
    return unwritten === 0 ? {} : { unwritten };
  }
}

function outcomeOf(reply: Reply): string {
  return reply.ok ? 'ok' : reply.error.code;
}

/** Undefined for what changes nothing: lists, searches, heartbeats. */
function fieldsOf(request: Request, reply: Reply): LogFields | undefined {
  switch (request.type) {
    case 'publish': {
      const sizeBytes = request.entries.reduce((sum, { size }) => sum + size, 0);
      return { ...namesOf(request.entries.map(({ name }) => name)), sizeBytes, ...refusedOf(reply) };
    }
    case 'unpublish':
      return { ...namesOf(request.names), ...refusedOf(reply) };
    case 'rename':
      return { ...namesOf(request.entries.map(({ name }) => name)), ...refusedOf(reply) };
    case 'rights':
      return { ...namesOf(request.names), rights: request.rights, ...refusedOf(reply) };
    case 'sources':
      return request.ticket ? { publicationId: request.publicationId } : undefined;
    case 'logout':
      return {};
    default:
      return undefined;
  }
}

function namesOf(names: readonly string[]): LogFields {
  return { names: names.slice(0, MAX_NAMES), count: names.length };
}

/** What was refused of a bulk request, by code. */
function refusedOf(reply: Reply): LogFields {
  if (!reply.ok || !('results' in reply)) return {};
  const codes = reply.results.flatMap((result) => (result.ok ? [] : [result.error.code]));
  return codes.length === 0 ? {} : { refused: codes.length, codes: [...new Set(codes)] };
}
