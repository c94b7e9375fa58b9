/**
 * The link lane of the file port: plain HTTP clients fetch single files with a link. It answers requests (docs/protocol.md "Link lane");
 * `link-body.ts` sends, `links.ts` knows the links. Tokens never reach a log, an error or another header.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { ProtocolError } from '../../common/protocol/errors.js';
import { type Clock, systemClock, type Timer } from '../../common/runtime/clock.js';
import { withDeadline } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Guest } from '../file-port/places.js';
import type { SharedFile, SharedFiles } from '../upload/shared-file.js';
import type { Uploads } from '../upload/uploads.js';
import { sendBody } from './link-body.js';
import { allowsRange, contentDisposition, parseLinkUrl, parseRange } from './link-request.js';
import type { LinkRow, Links } from './links.js';

/** A request's head must be whole within this, ms, from the connection or the answer before. */
const HEADER_DEADLINE_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** A client that finds no free place waits this long, ms, then hears 503. */
const SLOT_WAIT_MS = 10_000;
const RETRY_AFTER_S = 5;
/** Bad tokens from one address before it hears 429, and for how long they count, ms. */
const MAX_BAD_TOKENS = 20;
const BAD_TOKENS_MS = 60_000;
const MAX_WATCHED_ADDRESSES = 10_000;
/** Connections of one link that are never closed for others: a class opens it at once, each with one or a few. */
const SHARE_PER_LINK = 64;
/** Requests of one connection that wait for their answer: clients ask one after the other, and each that waits costs memory. */
const MAX_PENDING = 8;

/** One answered request, for the audit. */
export interface LinkUse {
  /** ms since epoch. */
  readonly at: number;
  readonly address: string;
  readonly method: string;
  readonly status: number;
  readonly sentBytes: number;
  /** Absent when the token opened nothing. */
  readonly linkId?: string;
  readonly fileId?: string;
}

export interface LinkServerOptions {
  readonly links: Links;
  readonly files: SharedFiles;
  readonly uploads: Uploads;
  readonly onAudit?: ((use: LinkUse) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** An answer without a body of ours. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly headers: Record<string, string> = {},
  ) {
    super(`refused with ${status}`);
  }
}

export class LinkServer implements Part {
  readonly #http: Server;
  readonly #options: LinkServerOptions;
  readonly #clock: Clock;
  readonly #sockets = new Set<TLSSocket>();
  readonly #guests = new WeakMap<object, Guest>();
  readonly #headTimers = new WeakMap<object, Timer>();
  readonly #pendingBySocket = new WeakMap<object, number>();
  readonly #badTokens = new Map<string, { count: number; until: number }>();
  readonly #stopping = new AbortController();

  constructor(options: LinkServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: HEADER_DEADLINE_MS });
    this.#http.on('request', (request, response) => void this.#answer(request, response));
    this.#http.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Serves HTTP on a socket of the file port. */
  accept(socket: TLSSocket, guest?: Guest): void {
    if (this.#stopping.signal.aborted) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    if (guest !== undefined) this.#guests.set(socket, guest);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#headTimers.get(socket)?.cancel();
    });
    this.#expectHead(socket);
    this.#http.emit('connection', socket);
  }

  /** Ends everything now: HTTP has no word for goodbye, and clients resume by range. May be called twice. */
  async stop(): Promise<void> {
    this.#stopping.abort(new ProtocolError('shutting-down'));
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Absolute: a byte now and then must not hold a place (slow loris). */
  #expectHead(socket: TLSSocket): void {
    this.#headTimers.get(socket)?.cancel();
    const timer = this.#clock.setTimer(() => socket.destroy(), HEADER_DEADLINE_MS);
    timer.unref();
    this.#headTimers.set(socket, timer);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const socket = request.socket as TLSSocket;
    if (socket.destroyed || !this.#begin(socket, response)) return;
    let link: LinkRow | undefined;
    let sentBytes = 0;
    try {
      link = this.#authorise(request);
      this.#guests.get(socket)?.prove(`link ${link.linkId}`, SHARE_PER_LINK);
      sentBytes = await this.#send(link, request, response);
    } catch (error) {
      if (response.headersSent) socket.destroy();
      else refuse(response, error instanceof Refusal ? error : refusalOf(error));
    }
    if (link !== undefined && response.statusCode < 300) this.#options.links.count(link.linkId, sentBytes);
    this.#audit(request, response.statusCode, { link, sentBytes });
  }

  /** False when too much is asked at once; the connection is closed then. */
  #begin(socket: TLSSocket, response: ServerResponse): boolean {
    const pending = (this.#pendingBySocket.get(socket) ?? 0) + 1;
    if (pending > MAX_PENDING) {
      socket.destroy();
      return false;
    }
    this.#pendingBySocket.set(socket, pending);
    this.#headTimers.get(socket)?.cancel();
    response.once('close', () => {
      const left = (this.#pendingBySocket.get(socket) ?? 1) - 1;
      this.#pendingBySocket.set(socket, left);
      if (left === 0 && !socket.destroyed) this.#expectHead(socket);
    });
    return true;
  }

  #audit(
    request: IncomingMessage,
    status: number,
    { link, sentBytes }: { link: LinkRow | undefined; sentBytes: number },
  ): void {
    this.#options.onAudit?.({
      at: this.#clock.now(),
      address: request.socket.remoteAddress ?? '',
      method: request.method ?? '',
      status,
      sentBytes,
      ...(link === undefined ? {} : { linkId: link.linkId, fileId: link.fileId }),
    });
  }

  /** @throws {Refusal} */
  #authorise(request: IncomingMessage): LinkRow {
    const address = request.socket.remoteAddress ?? '';
    const asked = parseLinkUrl(request.url ?? '', request.headers.authorization);
    if (asked === undefined) throw new Refusal(404);
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(405, { Allow: 'GET, HEAD' });
    // Guessing a token is hopeless; trying costs us a MAC each, so not without end.
    if (this.#isGuessing(address)) throw new Refusal(429, { 'Retry-After': String(BAD_TOKENS_MS / 1_000) });
    const link = asked.token === undefined ? 'unknown' : this.#options.links.check(asked.token, asked.fileId);
    if (link === 'unknown') {
      if (asked.token !== undefined) this.#countGuess(address);
      throw new Refusal(401, { 'WWW-Authenticate': 'Bearer' });
    }
    if (link === 'other-file') throw new Refusal(403);
    if (link === 'ended') throw new Refusal(410);
    return link;
  }

  async #send(link: LinkRow, request: IncomingMessage, response: ServerResponse): Promise<number> {
    const { files, uploads } = this.#options;
    const shared =
      link.publicationId === undefined ? files.findFile(link.fileId) : files.find(link.publicationId, link.fileId);
    if (shared === undefined) throw new Refusal(410);
    if (shared.have() !== 'all') throw allTaken();
    const range = this.#rangeOf(request, shared);
    using lease = await uploads.lease(shared);
    if (request.method === 'HEAD' || range.end === range.start) {
      writeHead(response, link, { shared, range });
      response.end();
      return 0;
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort(new ProtocolError('cancelled')));
    using deadline = withDeadline(AbortSignal.any([gone.signal, this.#stopping.signal]), SLOT_WAIT_MS, this.#clock);
    const owner = `link ${link.linkId}`;
    let hasPlace = false;
    const task = (): Promise<number> => {
      hasPlace = true;
      deadline[Symbol.dispose]();
      const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
      const body = { file: lease.file, shared, range, uploads, owner, clock: this.#clock };
      return sendBody(response, { ...body, head: () => writeHead(response, link, { shared, range }) }, { signal });
    };
    try {
      return await uploads.slots.run(task, { owner, signal: deadline.signal });
    } catch (error) {
      if (!hasPlace) throw allTaken();
      if (error instanceof ProtocolError && error.code === 'changed') uploads.fileChanged(shared);
      throw error;
    }
  }

  #rangeOf(
    { headers }: IncomingMessage,
    { size, fileId }: SharedFile,
  ): { start: number; end: number; isPart: boolean } {
    const etag = `"${fileId}"`;
    const ifRange = headers['if-range'];
    const range = allowsRange(typeof ifRange === 'string' ? ifRange : undefined, etag)
      ? parseRange(headers.range, size)
      : undefined;
    if (range === 'unsatisfiable') throw new Refusal(416, { 'Content-Range': `bytes */${size}`, ETag: etag });
    return range === undefined ? { start: 0, end: size, isPart: false } : { ...range, isPart: true };
  }

  #isGuessing(address: string): boolean {
    const bad = this.#badTokens.get(address);
    if (bad === undefined) return false;
    if (bad.until > this.#clock.monotonic()) return bad.count >= MAX_BAD_TOKENS;
    this.#badTokens.delete(address);
    return false;
  }

  #countGuess(address: string): void {
    const bad = this.#badTokens.get(address) ?? { count: 0, until: this.#clock.monotonic() + BAD_TOKENS_MS };
    bad.count += 1;
    this.#badTokens.set(address, bad);
    const oldest = this.#badTokens.keys().next().value;
    if (this.#badTokens.size > MAX_WATCHED_ADDRESSES && oldest !== undefined) this.#badTokens.delete(oldest);
  }
}

function allTaken(): Refusal {
  return new Refusal(503, { 'Retry-After': String(RETRY_AFTER_S) });
}

function refusalOf(error: unknown): Refusal {
  const code = error instanceof ProtocolError ? error.code : 'internal';
  if (code === 'changed' || code === 'gone') return new Refusal(410);
  if (code === 'checking') return allTaken();
  return new Refusal(code === 'shutting-down' ? 503 : 500);
}

function refuse(response: ServerResponse, { status, headers }: Refusal): void {
  const text = `${TEXTS[status] ?? 'This cannot be answered.'}\n`;
  response.writeHead(status, {
    ...SAFE_HEADERS,
    ...headers,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

function writeHead(
  response: ServerResponse,
  { name }: LinkRow,
  { shared, range }: { shared: SharedFile; range: { start: number; end: number; isPart: boolean } },
): void {
  response.writeHead(range.isPart ? 206 : 200, {
    ...SAFE_HEADERS,
    'Content-Type': 'application/octet-stream',
    'Content-Length': range.end - range.start,
    'Content-Disposition': contentDisposition(name),
    'Accept-Ranges': 'bytes',
    ETag: `"${shared.fileId}"`,
    ...(range.isPart ? { 'Content-Range': `bytes ${range.start}-${range.end - 1}/${shared.size}` } : {}),
  });
}

/** A browser must neither run what is served, nor keep it, nor pass the link on. */
const SAFE_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'private, no-store',
};

const TEXTS: Record<number, string> = {
  401: 'This needs a link. Ask for one.',
  403: 'This link is for another file.',
  404: 'There is nothing here.',
  405: 'Only GET and HEAD are answered here.',
  410: 'This link has ended, or the file has changed. Ask for a new one.',
  416: 'The file has no such bytes.',
  429: 'Too many wrong links. Wait a minute.',
  503: 'All places are taken, or the file is being looked at. Try again in a moment.',
};
