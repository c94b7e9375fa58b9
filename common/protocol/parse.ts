/** Bytes of the wire to typed values. Whatever the bytes are, these functions return a value or throw a ProtocolError, nothing else. */
import type { z } from 'zod';
import { type AdminAction, adminAction } from './admin-messages.js';
import { type ErrorCode, ProtocolError } from './errors.js';
import { eventSchema, type TrackerEvent } from './event-messages.js';
import { parseJson } from './json.js';
import {
  errorBody,
  PROTOCOL_VERSION,
  type Reply,
  type Request,
  type RequestType,
  replySchemas,
  requestId,
  requestSchemas,
} from './messages.js';
import { type PeerLine, peerLine, type Ticket, ticketSchema } from './peer-messages.js';
import { type RelayAnswer, type RelayHello, relayAnswer, relayHello } from './reach-fields.js';
import { type KeptReceipt, keptReceipt } from './receipt-fields.js';

/** A request that cannot be served; answered when `requestId` is there, otherwise there is no one to answer. */
export class RequestError extends ProtocolError {
  readonly requestId: string | undefined;

  constructor(code: ErrorCode, { requestId, message, cause }: RequestErrorOptions) {
    super(code, message, { cause });
    this.requestId = requestId;
  }
}

interface RequestErrorOptions extends ErrorOptions {
  readonly requestId?: string;
  readonly message?: string;
}

/**
 * A heartbeat as peers write it, padding included. It is by far the most frequent request, so it is known by its text; in any other
 * spelling, or with other fields, it is parsed like every request.
 */
const PLAIN_HEARTBEAT =
  /^\{"v":1,"id":"([A-Za-z0-9_-]{1,32})","type":"heartbeat"(?:,"libraryRevision":(0|[1-9][0-9]{0,14}))?\} *$/;
/** Longer texts are not looked through for one. */
const MAX_PLAIN_HEARTBEAT_BYTES = 128;

/**
 * One request. `headerToken` is the token of a resume datagram's header: then the bytes must be a `resume` and that is its token.
 * @throws {RequestError} `bad-message`, `unsupported-version` or `unknown-type`.
 */
export function parseRequest(bytes: Uint8Array, headerToken?: string): Request {
  const heartbeat = headerToken === undefined ? plainHeartbeat(bytes) : undefined;
  if (heartbeat !== undefined) return heartbeat;
  const value = parseRequestJson(bytes);
  return (headerToken === undefined ? goodRequest(value) : undefined) ?? judgedRequest(value, headerToken);
}

function plainHeartbeat(bytes: Uint8Array): Request<'heartbeat'> | undefined {
  if (bytes.length > MAX_PLAIN_HEARTBEAT_BYTES || !Buffer.isBuffer(bytes)) return undefined;
  const [, id, revision] = PLAIN_HEARTBEAT.exec(bytes.toString('latin1')) ?? [];
  if (id === undefined) return undefined;
  const heartbeat = { v: PROTOCOL_VERSION, id, type: 'heartbeat' } as const;
  return revision === undefined ? heartbeat : { ...heartbeat, libraryRevision: Number(revision) };
}

/** Most are good, and need no look at what is wrong with them. */
function goodRequest(value: Record<string, unknown>): Request | undefined {
  const type = ownValue(value, 'type');
  return isRequestType(type) ? requestSchemas[type].safeParse(value).data : undefined;
}

/** @throws {RequestError} that says what is wrong, so that it can be answered. */
function judgedRequest(value: Record<string, unknown>, headerToken: string | undefined): Request {
  const id = requestId.safeParse(ownValue(value, 'id')).data;
  if (id === undefined) throw new RequestError('bad-message', { message: 'The request has no usable id.' });
  const version = ownValue(value, 'v');
  if (Number.isSafeInteger(version) && version !== PROTOCOL_VERSION)
    throw new RequestError('unsupported-version', { requestId: id });
  const type = ownValue(value, 'type');
  if (!isRequestType(type))
    throw new RequestError(typeof type === 'string' ? 'unknown-type' : 'bad-message', { requestId: id });
  if (headerToken !== undefined && type !== 'resume')
    throw new RequestError('bad-message', { requestId: id, message: 'Only resume may travel in a resume datagram.' });
  const result = requestSchemas[type].safeParse(headerToken === undefined ? value : { ...value, token: headerToken });
  if (!result.success)
    throw new RequestError('bad-message', { requestId: id, message: complaint(`The ${type} request`, result.error) });
  return result.data;
}

/** What an administrator asks for; undefined when it is nothing that can be asked. */
export function parseAdminAction(value: unknown): AdminAction | undefined {
  return adminAction.safeParse(value).data;
}

export type Incoming =
  | { readonly kind: 'reply'; readonly id: string; readonly value: Record<string, unknown> }
  | { readonly kind: 'event'; readonly event: TrackerEvent };

/** What a tracker sent: a reply, for `parseReply` once its request is known, or an event. @throws {ProtocolError} `bad-message`. */
export function parseIncoming(bytes: Uint8Array): Incoming {
  const value = parseJson(bytes);
  if (Object.hasOwn(value, 'event')) return { kind: 'event', event: checked(eventSchema, value, 'The event') };
  const id = requestId.safeParse(ownValue(value, 'id')).data;
  if (id === undefined) throw new ProtocolError('bad-message', 'The tracker sent neither a reply nor an event.');
  return { kind: 'reply', id, value };
}

/** The reply to a request of `type`. @throws {ProtocolError} `bad-message`. */
export function parseReply<T extends RequestType>(type: T, value: object): Reply<T> {
  const fields = value as Record<string, unknown>;
  const id = checked(requestId, ownValue(fields, 'id'), 'The id of a reply');
  const ok = ownValue(fields, 'ok');
  if (ok === false)
    return { id, ok, error: checked(errorBody, ownValue(fields, 'error'), `The error of the ${type} reply`) };
  if (ok !== true) throw new ProtocolError('bad-message', `The ${type} reply says neither success nor failure.`);
  const schema: z.ZodType = replySchemas[type];
  const body = checked(schema, value, `The ${type} reply`) as object;
  return { ...body, id, ok } as Reply<T>;
}

/** One line of the peer lane. @throws {ProtocolError} `bad-message`. */
export function parsePeerLine(bytes: Uint8Array): PeerLine {
  return checked(peerLine, parseJson(bytes), 'The line');
}

/** What opens a connection to the relay. @throws {ProtocolError} `bad-message`. */
export function parseRelayHello(bytes: Uint8Array): RelayHello {
  return checked(relayHello, parseJson(bytes), 'The relay line');
}

/** What the relay says to it. @throws {ProtocolError} `bad-message`. */
export function parseRelayAnswer(bytes: Uint8Array): RelayAnswer {
  return checked(relayAnswer, parseJson(bytes), 'The answer of the relay');
}

/** The payload of a ticket, not its signature; see `common/wire/ticket.ts`. @throws {ProtocolError} `bad-message`. */
export function parseTicket(bytes: Uint8Array): Ticket {
  return checked(ticketSchema, parseJson(bytes), 'The ticket');
}

/** A receipt of an exported audit; undefined when it is none. */
export function parseKeptReceipt(value: unknown): KeptReceipt | undefined {
  return keptReceipt.safeParse(value).data;
}

function parseRequestJson(bytes: Uint8Array): Record<string, unknown> {
  try {
    return parseJson(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) throw new RequestError(error.code, { message: error.message, cause: error });
    throw error;
  }
}

function isRequestType(type: unknown): type is RequestType {
  return typeof type === 'string' && Object.hasOwn(requestSchemas, type);
}

/** Own properties only: `constructor` and the like must not be found in an empty message. */
function ownValue(value: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new ProtocolError('bad-message', complaint(what, result.error));
  return result.data;
}

/** Names the place, never the value: it may be a password. Paths of unknown keys cannot occur, those are dropped. */
function complaint(what: string, error: z.ZodError): string {
  const path = error.issues[0]?.path.map(String).join('.') ?? '';
  return path === '' ? `${what} is malformed.` : `${what} is malformed at "${path.slice(0, 100)}".`;
}
