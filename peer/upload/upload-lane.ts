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
import { LaneReceipts } from '../receipts/lane-receipts.js';
import { ChunkSender, type SendTurn, TURN_BYTES } from './chunk-sender.js';
import { FolderLeases } from './folder-leases.js';
import { endGrant, type Grant, toProtocolError } from './grant.js';
import { announceHave, type PositionNotice, repeatPosition } from './lane-notices.js';
import type { ServedFile } from './served-file.js';
import type { SharedFile, SharedFolder, SmallFiles } from './shared-file.js';
import type { UploadDesk } from './upload-desk.js';
import type { UploadTally } from './upload-row.js';
import { UploadTurn } from './upload-turn.js';

/** Tickets of one connection: a downloader needs one, and a renewed one. */
const MAX_GRANTS = 16;
/** Bad tickets before the connection is closed: each costs us a signature check. */
const MAX_REFUSALS = 8;
/** Manifests need no place in the queue, so each connection that does not read one may hold only this much of it, bytes. */
const MANIFEST_RUN_BYTES = 64 * 1024;
/** Requests for small files that are read before their turn, each up to 1 MiB. */
const MAX_AHEAD = 3;
/** `busy` asks to come back after this, ms. */
const BUSY_RETRY_MS = 1_000;

type ChunksRequest = Extract<PeerRequest, { type: 'chunks' }>;
type FilesRequest = Extract<PeerRequest, { type: 'files' }>;

/** Requests for bytes, under a ticket that was shown. */
type ContentRequest = Exclude<PeerRequest, { type: 'open' | 'receipt' }>;

type Turn = Parameters<ChunkSender['sendTurn']>[0];

interface Work {
  readonly request: PeerRequest;
  readonly controller: AbortController;
  /** Small files that are read while what was asked for before is sent. */
  ahead?: Promise<SmallFiles>;
}

export class UploadLane implements PeerServer {
  readonly #grants = new Map<string, Grant>();
  readonly #line: Work[] = [];
  readonly #sender: ChunkSender;
  readonly #closed = new AbortController();
  readonly #receipts: LaneReceipts<UploadTally>;
  #working: Work | undefined;
  #refusals = 0;
  #isLeaving = false;

  constructor(
    private readonly connection: PeerConnection,
    private readonly desk: UploadDesk,
    private readonly newTally: (shared: SharedFile, user: string) => UploadTally,
  ) {
    this.#sender = new ChunkSender(connection, desk);
    this.#receipts = new LaneReceipts(desk.receipts);
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

  onBadChunk(ticketId: string, index: number, file?: string): void {
    const grant = this.#grants.get(ticketId);
    const shared = file === undefined ? grant?.shared : grant?.shared.folder?.find(file)[0];
    if (grant === undefined || shared === undefined || index >= chunkCount(shared.size, chunkSizeFor(shared.size)))
      return;
    // What was never sent cannot have been bad: a part that is not there yet would always look so.
    if (shared.holds?.(index, 1) === false) return;
    void this.desk.checks.report({ shared, index, user: grant.ticket.user });
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
        this.#readAhead();
        await this.#answer(work, signal);
      } catch (error) {
        // A file that is closed under a read says nothing about the file: the reason is why it was closed.
        const { aborted, reason } = work.controller.signal;
        this.#refuse(work.request, aborted ? reason : error);
      }
    }
    this.#working = undefined;
    if (this.#isLeaving) this.connection.end();
  }

  async #answer(work: Work, signal: AbortSignal): Promise<void> {
    const { request } = work;
    if (request.type === 'open') return this.#open(request.id, request.ticket);
    if (request.type !== 'receipt') return this.#sendContent({ ...work, request }, signal);
    this.connection.send({ type: 'receipted', id: request.id, source: this.#receipts.sign(request) });
  }

  async #sendContent(
    { request, controller, ahead }: Work & { readonly request: ContentRequest },
    signal: AbortSignal,
  ): Promise<void> {
    const grant = this.#grants.get(request.ticketId);
    if (grant === undefined) throw new ProtocolError('bad-ticket');
    this.desk.tickets.judge(grant.ticket);
    grant.running.add(controller);
    try {
      if (request.type === 'files') await this.#sendFiles(request, grant, { ahead, signal });
      else {
        const file = request.file === undefined ? grant.lease.file : await grant.inside.open(request.file);
        if (request.type === 'manifest') await this.#sendManifest(request.id, file, signal);
        else await this.#sendChunks(request, grant, { file, signal });
      }
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
    if ((code !== 'changed' && code !== 'gone') || request.type === 'open' || request.type === 'receipt') return;
    const grant = this.#grants.get(request.ticketId);
    if (grant === undefined) return;
    // Of a folder the other files are as good as before.
    if (request.type === 'files' || request.file !== undefined) this.desk.folderChanged(grant.shared);
    else if (code === 'changed') this.desk.fileChanged(grant.shared);
  }

  async #open(id: number, ticketText: string): Promise<void> {
    const ticket = this.desk.tickets.check(ticketText, this.connection.pin);
    const shared = this.desk.files.find(ticket.publicationId, ticket.fileId);
    if (shared === undefined || shared.size !== ticket.size) throw new ProtocolError('not-found');
    if (!this.#grants.has(ticket.ticketId) && this.#grants.size >= MAX_GRANTS) throw new ProtocolError('busy');
    await this.#grant(ticket, { shared, ticketText });
    this.connection.setProven(ticket.user);
    const chunkSize = chunkSizeFor(shared.size);
    const entries = shared.folder?.entries?.();
    const folder = entries === undefined ? {} : { entries: [...entries] };
    this.connection.send({ type: 'opened', id, size: shared.size, chunkSize, have: shared.have(), ...folder });
  }

  async #grant(
    ticket: Ticket,
    { shared, ticketText }: { readonly shared: SharedFile; readonly ticketText: string },
  ): Promise<void> {
    const lease = await this.desk.lease(shared);
    if (!this.connection.isOpen) {
      lease[Symbol.dispose]();
      throw new ProtocolError('cancelled');
    }
    this.#grants.get(ticket.ticketId)?.[Symbol.dispose]();
    const { user, ticketId } = ticket;
    const transfer = `${this.connection.address} ${ticketId}`;
    const share = this.desk.rates.open({ owner: user, peer: this.connection.pin, transfer });
    const inside = new FolderLeases(this.desk, shared);
    const undo = announceHave(this.connection, { ticketId, shared, clock: this.desk.clock });
    this.#grants.set(ticketId, {
      ticket,
      shared,
      lease,
      inside,
      tally: this.#receipts.opened(ticketText, ticket, () => this.newTally(shared, user)),
      share,
      running: new Set(),
      [Symbol.dispose]: () => {
        undo();
        inside[Symbol.dispose]();
        share[Symbol.dispose]();
        lease[Symbol.dispose]();
      },
    });
  }

  async #sendManifest(id: number, file: ServedFile, signal: AbortSignal): Promise<void> {
    const { hashes } = await file.manifest();
    const block = new RunBlock(MANIFEST_RUN_BYTES);
    for (let offset = 0; offset < hashes.length; offset += MANIFEST_RUN_BYTES) {
      signal.throwIfAborted();
      const part = hashes.subarray(offset, offset + MANIFEST_RUN_BYTES);
      block.body.set(part);
      await this.connection.sendRun(id, { block, offset, bytes: part.length });
    }
  }

  async #sendChunks(
    request: ChunksRequest,
    grant: Grant,
    { file, signal }: { file: ServedFile; signal: AbortSignal },
  ): Promise<void> {
    const { size } = file.shared;
    const chunkSize = chunkSizeFor(size);
    const { id, first, count } = request;
    if (first + count > chunkCount(size, chunkSize)) throw new ProtocolError('no-chunk');
    if (file.shared.holds?.(first, count) === false) throw new ProtocolError('no-chunk');
    const end = Math.min(size, (first + count) * chunkSize);
    await this.#sendTurns({ id, file, offset: first * chunkSize, end }, grant, signal);
  }

  /** What could be read of the files is sent before the one that could not is refused. */
  async #sendFiles(
    { id, files }: FilesRequest,
    grant: Grant,
    { ahead, signal }: { ahead: Work['ahead']; signal: AbortSignal },
  ): Promise<void> {
    const { folder } = grant.shared;
    if (folder === undefined) throw new ProtocolError('not-found');
    let reading = ahead ?? folder.readFiles(files);
    for (let [sent, offset] = [0, 0]; ; ) {
      const { bytes, count, problem } = await reading;
      sent += count;
      const isLast = problem !== undefined || sent === files.length;
      if (!isLast) reading = readQuietly(folder, files.slice(sent));
      const file = inMemory(bytes, offset);
      await this.#sendTurns({ id, file, offset, end: offset + bytes.length }, grant, signal);
      if (problem !== undefined) throw new ProtocolError(problem);
      if (isLast) return;
      offset += bytes.length;
    }
  }

  async #sendTurns(
    { id, file, offset: start, end }: Pick<Turn, 'id' | 'file' | 'offset' | 'end'>,
    grant: Grant,
    signal: AbortSignal,
  ): Promise<void> {
    let offset = start;
    using notice = repeatPosition(this.connection, { id, clock: this.desk.clock });
    while (offset < end) {
      const place = new UploadTurn(grant.tally, Math.min(end - offset, TURN_BYTES), this.desk.clock);
      const turn = { id, file, tally: grant.tally, share: grant.share, offset, end, signal };
      offset = await this.desk.slots.run(() => this.#turn(turn, place, notice), {
        owner: grant.ticket.user,
        turn: place,
        onPosition: notice.tell,
        signal,
      });
    }
  }

  /** The line must not run dry while a thread reads. */
  #readAhead(): void {
    for (const next of this.#line.slice(0, MAX_AHEAD)) {
      if (next.request.type !== 'files' || next.ahead !== undefined) continue;
      const folder = this.#grants.get(next.request.ticketId)?.shared.folder;
      if (folder !== undefined) next.ahead = readQuietly(folder, next.request.files);
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
    this.#receipts.close();
    for (const ticketId of [...this.#grants.keys()]) this.#drop(ticketId, new ProtocolError('cancelled'));
  }
}

/** It may fail before anybody waits for it; whoever waits hears of it all the same. */
function readQuietly(folder: SharedFolder, fileIds: readonly string[]): Promise<SmallFiles> {
  const reading = folder.readFiles(fileIds);
  reading.catch(() => undefined);
  return reading;
}

function inMemory(bytes: Uint8Array, offset: number): Turn['file'] {
  return { read: async (into, at) => into.set(bytes.subarray(at - offset, at - offset + into.length)) };
}
