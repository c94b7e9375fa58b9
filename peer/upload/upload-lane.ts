/**
 * Serves one connection: tickets in, runs out, one request after the other. It decides what may be sent and when; `chunk-sender.ts`
 * sends, `served-file.ts` answers for the bytes, `uploads.ts` keeps what all connections share. See docs/protocol.md "Peer lane".
 */
import { chunkCount } from '../../common/content/chunk-range.js';
import { chunkSizeFor } from '../../common/content/chunk-size.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import { MAX_PIPELINED } from '../../common/protocol/limits.js';
import type { PeerRequest, Ticket } from '../../common/protocol/peer-messages.js';
import type { PeerConnection, PeerServer } from '../file-port/peer-connection.js';
import { RunBlock } from '../file-port/run-block.js';
import { ChunkSender, type SendTurn, TURN_BYTES } from './chunk-sender.js';
import { endGrant, type Grant, toProtocolError } from './grant.js';
import { announceHave, type PositionNotice, repeatPosition } from './lane-notices.js';
import type { SharedFile } from './shared-file.js';
import type { UploadDesk } from './upload-desk.js';
import type { UploadTally } from './upload-row.js';
import { UploadTurn } from './upload-turn.js';

/** Tickets of one connection: a downloader needs one, and a renewed one. */
const MAX_GRANTS = 16;
/** Bad tickets before the connection is closed: each costs us a signature check. */
const MAX_REFUSALS = 8;
/** Manifests need no place in the queue, so each connection that does not read one may hold only this much of it, bytes. */
const MANIFEST_RUN_BYTES = 64 * 1024;
/** `busy` asks to come back after this, ms. */
const BUSY_RETRY_MS = 1_000;

type ChunksRequest = Extract<PeerRequest, { type: 'chunks' }>;

interface Work {
  readonly request: PeerRequest;
  readonly controller: AbortController;
}

export class UploadLane implements PeerServer {
  readonly #grants = new Map<string, Grant>();
  readonly #line: Work[] = [];
  readonly #sender: ChunkSender;
  readonly #closed = new AbortController();
  #working: Work | undefined;
  #refusals = 0;
  #isLeaving = false;

  constructor(
    private readonly connection: PeerConnection,
    private readonly desk: UploadDesk,
    private readonly newTally: (shared: SharedFile, user: string) => UploadTally,
  ) {
    this.#sender = new ChunkSender(connection, desk);
    connection.onClose(() => this.#close());
    connection.serve(this);
  }

  /** True while a request is being answered. */
  get isBusy(): boolean {
    return this.#working !== undefined;
  }

  onRequest(request: PeerRequest): void {
    const refusal = this.#isLeaving ? 'shutting-down' : this.#line.length >= MAX_PIPELINED ? 'busy' : undefined;
    if (refusal !== undefined) {
      this.connection.sendError(request.id, refusal, refusal === 'busy' ? BUSY_RETRY_MS : undefined);
      return;
    }
    this.#line.push({ request, controller: new AbortController() });
    if (this.#working === undefined) void this.#workOff();
  }

  onCancel(id: number): void {
    const waiting = this.#line.findIndex(({ request }) => request.id === id);
    if (waiting >= 0) {
      this.#line.splice(waiting, 1);
      this.connection.sendError(id, 'cancelled');
    } else if (this.#working?.request.id === id) {
      this.#working.controller.abort(new ProtocolError('cancelled'));
    }
  }

  onBadChunk(ticketId: string, index: number): void {
    const grant = this.#grants.get(ticketId);
    if (grant === undefined || index >= chunkCount(grant.shared.size, chunkSizeFor(grant.shared.size))) return;
    // What was never sent cannot have been bad: a part that is not there yet would always look so.
    if (grant.shared.holds?.(index, 1) === false) return;
    void this.desk.checks.report({ shared: grant.shared, index, user: grant.ticket.user });
  }

  /** The file behind `shared` is not what was published any more. */
  dropFile(shared: SharedFile): void {
    for (const [ticketId, grant] of this.#grants) {
      if (grant.shared.publicationId !== shared.publicationId || grant.shared.fileId !== shared.fileId) continue;
      this.connection.send({ type: 'changed', ticketId });
      this.#drop(ticketId, new ProtocolError('changed'));
    }
  }

  /** Judges every ticket again; what a revocation stands against ends now. */
  recheck(): void {
    for (const [ticketId, grant] of this.#grants) {
      try {
        this.desk.tickets.judge(grant.ticket);
      } catch (error) {
        // A ticket that merely ran out is good for the answer it began.
        if (error instanceof ProtocolError && error.code === 'ticket-revoked') this.#drop(ticketId, error);
      }
    }
  }

  /** Says goodbye; the run under way is finished, nothing new begins. */
  leave(): void {
    this.#isLeaving = true;
    this.connection.send({ type: 'bye' });
    for (const work of this.#line) work.controller.abort(new ProtocolError('shutting-down'));
    this.#working?.controller.abort(new ProtocolError('shutting-down'));
    if (this.#working === undefined) this.connection.end();
  }

  async #workOff(): Promise<void> {
    for (let work = this.#line.shift(); work !== undefined; work = this.#line.shift()) {
      this.#working = work;
      try {
        const signal = AbortSignal.any([work.controller.signal, this.#closed.signal]);
        signal.throwIfAborted();
        await this.desk.tickets.ready({ signal });
        await this.#answer(work, signal);
      } catch (error) {
        this.#refuse(work.request, error);
      }
    }
    this.#working = undefined;
    if (this.#isLeaving) this.connection.end();
  }

  async #answer({ request, controller }: Work, signal: AbortSignal): Promise<void> {
    if (request.type === 'open') return this.#open(request.id, request.ticket);
    const grant = this.#grants.get(request.ticketId);
    if (grant === undefined) throw new ProtocolError('bad-ticket');
    this.desk.tickets.judge(grant.ticket);
    grant.running.add(controller);
    try {
      if (request.type === 'manifest') await this.#sendManifest(request.id, grant, signal);
      else await this.#sendChunks(request, grant, signal);
    } finally {
      grant.running.delete(controller);
    }
    this.connection.send({ type: 'end', id: request.id });
  }

  #refuse(request: PeerRequest, error: unknown): void {
    if (!this.connection.isOpen) return;
    const { code, retryAfterMs } = toProtocolError(error);
    this.connection.sendError(request.id, code, retryAfterMs);
    if (code === 'bad-ticket') this.#refusals += 1;
    if (code === 'bad-message' || this.#refusals >= MAX_REFUSALS) this.connection.end();
    if (code !== 'changed' || request.type === 'open') return;
    const grant = this.#grants.get(request.ticketId);
    if (grant !== undefined) this.desk.fileChanged(grant.shared);
  }

  async #open(id: number, ticketText: string): Promise<void> {
    const ticket = this.desk.tickets.check(ticketText, this.connection.pin);
    const shared = this.desk.files.find(ticket.publicationId, ticket.fileId);
    if (shared === undefined || shared.size !== ticket.size) throw new ProtocolError('not-found');
    if (!this.#grants.has(ticket.ticketId) && this.#grants.size >= MAX_GRANTS) throw new ProtocolError('busy');
    await this.#grant(ticket, shared);
    this.connection.setProven(ticket.user);
    const chunkSize = chunkSizeFor(shared.size);
    this.connection.send({ type: 'opened', id, size: shared.size, chunkSize, have: shared.have() });
  }

  async #grant(ticket: Ticket, shared: SharedFile): Promise<void> {
    let lease: Awaited<ReturnType<UploadDesk['served']['acquire']>>;
    try {
      lease = await this.desk.served.acquire(shared);
    } catch (error) {
      const { code } = toProtocolError(error);
      if (code === 'changed' || code === 'gone') this.desk.outdated(shared);
      throw error;
    }
    if (!this.connection.isOpen) {
      lease[Symbol.dispose]();
      throw new ProtocolError('cancelled');
    }
    this.#grants.get(ticket.ticketId)?.[Symbol.dispose]();
    const { user, ticketId } = ticket;
    const transfer = `${this.connection.address} ${ticketId}`;
    const share = this.desk.rates.open({ owner: user, peer: this.connection.pin, transfer });
    const undo = announceHave(this.connection, { ticketId, shared, clock: this.desk.clock });
    this.#grants.set(ticketId, {
      ticket,
      shared,
      lease,
      tally: this.newTally(shared, user),
      share,
      running: new Set(),
      [Symbol.dispose]: () => {
        undo();
        share[Symbol.dispose]();
        lease[Symbol.dispose]();
      },
    });
  }

  async #sendManifest(id: number, { lease }: Grant, signal: AbortSignal): Promise<void> {
    const { hashes } = await lease.file.manifest();
    const block = new RunBlock(MANIFEST_RUN_BYTES);
    for (let offset = 0; offset < hashes.length; offset += MANIFEST_RUN_BYTES) {
      signal.throwIfAborted();
      const part = hashes.subarray(offset, offset + MANIFEST_RUN_BYTES);
      block.body.set(part);
      await this.connection.sendRun(id, { block, offset, bytes: part.length });
    }
  }

  async #sendChunks(request: ChunksRequest, grant: Grant, signal: AbortSignal): Promise<void> {
    const { size } = grant.shared;
    const chunkSize = chunkSizeFor(size);
    const { id, first, count } = request;
    if (first + count > chunkCount(size, chunkSize)) throw new ProtocolError('no-chunk');
    if (grant.shared.holds?.(first, count) === false) throw new ProtocolError('no-chunk');
    const end = Math.min(size, (first + count) * chunkSize);
    let offset = first * chunkSize;
    using notice = repeatPosition(this.connection, { id, clock: this.desk.clock });
    while (offset < end) {
      const place = new UploadTurn(grant.tally, Math.min(end - offset, TURN_BYTES), this.desk.clock);
      const turn = { id, file: grant.lease.file, tally: grant.tally, share: grant.share, offset, end, signal };
      offset = await this.desk.slots.run(() => this.#turn(turn, place, notice), {
        owner: grant.ticket.user,
        turn: place,
        onPosition: notice.tell,
        signal,
      });
    }
  }

  #turn(turn: SendTurn, place: UploadTurn, notice: PositionNotice): Promise<number> {
    notice.pause();
    place.begin();
    return this.#sender.sendTurn(turn);
  }

  #drop(ticketId: string, error: ProtocolError): void {
    const grant = this.#grants.get(ticketId);
    if (grant === undefined) return;
    this.#grants.delete(ticketId);
    endGrant(grant, error);
    grant[Symbol.dispose]();
  }

  #close(): void {
    this.#line.length = 0;
    this.#closed.abort(new ProtocolError('cancelled'));
    for (const ticketId of [...this.#grants.keys()]) this.#drop(ticketId, new ProtocolError('cancelled'));
  }
}
