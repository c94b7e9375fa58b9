/**
 * One source over one connection: presents the ticket, fetches the manifest, then keeps a window of chunk requests open until the
 * scheduler has nothing more for it or it fails. It blames nobody and retries nothing: that is `source-pool.ts`. What arrives goes to
 * the download through `SessionSink`.
 */
import { chunkSizeFor } from '../../common/content/chunk-size.js';
import { manifestBytesFor } from '../../common/content/manifest.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import { RateMeter } from '../file-port/rate-meter.js';
import { FREE_SHARE, type RateShare } from '../rates/rate-shares.js';
import type { HeldTicket, OwedReceipt } from './download-tracker.js';
import { endConnection } from './end-connection.js';
import { ManifestReceiver } from './manifest-receiver.js';
import { mostUnproven } from './memory-budget.js';
import { Patience } from './patience.js';
import { ProgressWatch } from './progress-watch.js';
import { RateDebt } from './rate-debt.js';
import { chunksToAsk } from './request-window.js';
import type { Span } from './scheduler.js';
import type { SessionSink, SpanAnswer, WholeChunk } from './session-sink.js';
import { answerFault, closedFault, SourceFault } from './source-fault.js';
import { type HaveNews, SourceHoldings } from './source-holdings.js';

/** Requests that wait at once: a source takes no more than 32. */
const MAX_REQUESTS = 16;

export interface SourceSessionOptions {
  /** The source in the scheduler. */
  readonly sourceId: string;
  readonly connection: PeerConnection;
  readonly size: number;
  readonly isReplaceable: () => boolean;
  /** What it may take from the network; given back when the session ends. Default: all. */
  readonly share?: RateShare | undefined;
  /** Something came: who is to sign that, while the connection is open. Undefined: nobody. */
  readonly receipt?: ((owed: OwedReceipt) => Promise<void> | undefined) | undefined;
  readonly clock?: Clock | undefined;
}

/** Too much waits for the disk, too much of it is unproven, or a limit is reached. */
type Hold = 'disk' | 'proof' | 'rate';

export class SourceSession {
  readonly sourceId: string;
  /** Resolves when the session is over and all that it sent is judged, with the reason. */
  readonly ended: Promise<SourceFault>;
  readonly meter: RateMeter;
  readonly #connection: PeerConnection;
  readonly #size: number;
  readonly #clock: Clock;
  readonly #watch: ProgressWatch;
  readonly #patience: Patience;
  readonly #requests = new Map<number, SpanAnswer>();
  readonly #end: (fault: SourceFault) => void;
  #otherRequests = 0;
  #isOver = false;
  #ticket: HeldTicket | undefined;
  verifiedBytes = 0;
  readonly #receipt: SourceSessionOptions['receipt'];
  readonly #holdings: SourceHoldings;
  /** It has more of a folder than it had. */
  onEntries: (() => void) | undefined;
  #sink: SessionSink | undefined;
  /** Why nothing is taken from the network. */
  readonly #holds = new Set<Hold>();
  /** Whole chunks of it that are not judged yet, and that were right. */
  #unproven = 0;
  #proven = 0;
  #mostUnproven = 0;
  #fault: SourceFault | undefined;
  readonly #share: RateShare;
  readonly #over = new AbortController();
  readonly #debt: RateDebt;
  #queue: { readonly position: number; readonly endsAt: number | undefined } | undefined;

  constructor(options: SourceSessionOptions) {
    const { sourceId, connection, size, isReplaceable, share = FREE_SHARE, clock = systemClock } = options;
    this.sourceId = sourceId;
    this.#receipt = options.receipt;
    this.#share = share;
    const onHold = (): void => this.#holdBack('rate');
    this.#debt = new RateDebt({ share, signal: this.#over.signal, onHold, onPaid: () => this.#letGo('rate') });
    this.#connection = connection;
    this.#size = size;
    this.#holdings = new SourceHoldings(size);
    this.#clock = clock;
    this.meter = new RateMeter(clock);
    const { promise, resolve } = Promise.withResolvers<SourceFault>();
    this.ended = promise;
    this.#end = resolve;
    this.#watch = new ProgressWatch({ clock, isReplaceable, onFault: (fault) => this.#fail(fault) });
    this.#patience = new Patience(clock, () => this.pump());
    connection.listen({
      onHave: (ticketId, news) => this.#takeHave(ticketId, news),
      onChanged: () => this.#fail(new SourceFault('changed', 'says that the file has changed')),
      onBye: () => this.#fail(new SourceFault('left', 'is leaving')),
    });
    connection.onClose((error) => this.#fail(closedFault(error)));
  }

  get #ticketId(): string {
    return this.#ticket?.ticketId ?? '';
  }

  get address(): string {
    return this.#connection.address;
  }

  /** True while an answer is due: only then can this session bring the download on. */
  get isBusy(): boolean {
    return !this.#isOver && this.#requests.size + this.#otherRequests > 0;
  }

  /** Came for chunks that are not whole yet. */
  get heldBytes(): number {
    let bytes = 0;
    for (const receiver of this.#requests.values()) bytes += receiver.heldBytes;
    return bytes;
  }

  /** Place in the source's queue while it waits there, and how long that may still be, ms. */
  get queue(): { readonly position: number; readonly etaMs: number | undefined } | undefined {
    if (this.#queue === undefined) return undefined;
    const { position, endsAt } = this.#queue;
    return { position, etaMs: endsAt && Math.max(0, Math.round(endsAt - this.#clock.monotonic())) };
  }

  /** Of a folder: every file that is in it. */
  get hasAllEntries(): boolean {
    return this.#holdings.hasAllEntries;
  }

  /** The file in line `index` of the folder's listing. */
  hasEntry(index: number): boolean {
    return this.#holdings.hasEntry(index);
  }

  /** Shows a ticket, also a renewed one. @throws {SourceFault} */
  async open(ticket: HeldTicket): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#begin();
    this.#connection.request(
      { type: 'open', ticket: ticket.text },
      {
        onOpened: ({ size, chunkSize, have, entries }) => {
          this.#finish();
          if (size !== this.#size || chunkSize !== chunkSizeFor(this.#size)) {
            return reject(new SourceFault('lied', `says that the file has ${size} bytes instead of ${this.#size}`));
          }
          this.#ticket = ticket;
          this.#holdings.setEntries(entries);
          this.#takeHave(ticket.ticketId, { have, entries });
          resolve();
        },
        onEnd: () => reject(new SourceFault('lied', 'answered a ticket with nothing')),
        onError: (error) => {
          this.#finish();
          reject(answerFault(error));
        },
      },
    );
    await this.#orEnd(promise);
  }

  /** The hash list of what the ticket names, or of a file inside, as the source sends it, unproven. @throws {SourceFault} */
  async fetchManifest(inside?: { readonly file: string; readonly size: number }): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const receiver = new ManifestReceiver({
      bytes: manifestBytesFor(inside?.size ?? this.#size),
      onBytes: (bytes) => this.#watch.progress(bytes),
      onEnd: (hashes) => {
        this.#finish();
        if (hashes instanceof SourceFault) reject(hashes);
        else resolve(hashes);
      },
    });
    this.#begin();
    this.#connection.request(
      { type: 'manifest', ticketId: this.#ticketId, ...(inside && { file: inside.file }) },
      receiver,
    );
    return this.#orEnd(promise);
  }

  /** From now on asks for chunks and hands them to `sink`, until `ended`. */
  fetch(sink: SessionSink): void {
    if (this.#isOver) return;
    this.#sink = sink;
    this.#holdings.startIn(sink, this);
    this.pump();
  }

  /** Asks for more, when there is room in the window and something of use. Call it when something became free. */
  pump(): void {
    const sink = this.#sink;
    if (sink === undefined || this.#isOver || this.#holds.has('disk')) return;
    const { scheduler, chunkBytes: chunkSize, leastWindowBytes } = sink;
    const { bytesPerSecond } = this.meter;
    scheduler.setSpeed(this.sourceId, bytesPerSecond);
    const isShared = scheduler.sources > 1;
    for (let asked = this.#askedChunks(); this.#requests.size < MAX_REQUESTS; ) {
      const most = chunksToAsk({ bytesPerSecond, chunkSize, asked, isShared, leastWindowBytes });
      const isPatient = !this.#patience.isOver;
      const span = most === 0 ? undefined : scheduler.next(this.sourceId, most, { isPatient });
      if (span === undefined) {
        if (this.#requests.size === 0 && (sink.swarm.isBringer || scheduler.isIdle)) this.#patience.begin();
        return;
      }
      this.#patience.end();
      if (span.takenFrom !== undefined) sink.swarm.taken(span.takenFrom);
      this.#ask(span, sink);
      asked += span.count;
    }
  }

  /** Something comes from another source. */
  stayPatient(): void {
    this.#patience.end();
  }

  /** Takes back requests whose chunks have all come from elsewhere, or are asked of another now. */
  dropUseless(): void {
    const scheduler = this.#sink?.scheduler;
    for (const [id, receiver] of this.#requests)
      if (!receiver.isAbandoned && scheduler?.isWanted(this.sourceId, receiver.rest) === false)
        this.#takeBack(id, receiver);
  }

  /** Takes back all requests but the first, of which something may be on its way, to choose anew. */
  dropWaiting(): void {
    for (const [id, receiver] of [...this.#requests].slice(1)) if (!receiver.isAbandoned) this.#takeBack(id, receiver);
    this.pump();
  }

  #takeBack(id: number, receiver: SpanAnswer): void {
    this.#sink?.scheduler.release(this.sourceId, receiver.rest);
    receiver.drop();
    this.#connection.cancel(id);
  }

  /** Takes nothing from the network until `resume()`. */
  pause(): void {
    this.#holdBack('disk');
  }

  resume(): void {
    this.#letGo('disk');
  }

  /** Ends the session for a reason that the download knows. */
  fail(fault: SourceFault): void {
    this.#fail(fault);
  }

  #ask(span: Span, sink: SessionSink): void {
    const askedAt = this.#clock.monotonic();
    sink.swarm.asked();
    this.#watch.start();
    const { request, receiver } = sink.ask(this, span, {
      onWhole: (chunk) => void this.#awaitProof(chunk),
      onBytes: (bytes) => {
        this.#queue = undefined;
        this.meter.add(bytes);
        this.#watch.progress(bytes);
        sink.onBytes(bytes);
        this.#debt.owe(bytes);
        // The next is asked for before the last one is whole.
        if (this.#requests.size === 1) this.pump();
      },
      onDuplicate: (bytes) => sink.onDuplicate(bytes),
      onQueued: ({ position, etaMs }) => {
        this.#queue = { position, endsAt: etaMs === undefined ? undefined : this.#clock.monotonic() + etaMs };
        this.#watch.queued(position);
      },
      onDone: () => {
        this.#patience.learn(this.#clock.monotonic() - askedAt);
        this.#forget(id);
      },
      onError: (error) => {
        const isRefused = sink.refused?.(this, receiver, error) === true;
        const isTakenBack = error.code === 'cancelled' && receiver.isAbandoned;
        if (!isTakenBack) sink.scheduler.release(this.sourceId, receiver.rest);
        this.#forget(id);
        if (!isRefused && !isTakenBack) this.#fail(answerFault(error));
      },
    });
    const id = this.#connection.request({ ...request, ticketId: this.#ticketId }, receiver);
    this.#requests.set(id, receiver);
  }

  async #awaitProof(chunk: WholeChunk): Promise<void> {
    this.#unproven += 1;
    this.#mostUnproven = mostUnproven(this.#proven, this.meter.bytesPerSecond);
    if (!this.#hasCredit) this.#holdBack('proof');
    this.pump();
    const isRight = await chunk.isRight;
    this.#unproven -= 1;
    if (isRight) this.#proven += 1;
    else this.#refuseChunk(chunk);
    if (this.#hasCredit) this.#letGo('proof');
    this.#endWhenJudged();
  }

  get #hasCredit(): boolean {
    return this.#unproven <= this.#mostUnproven;
  }

  #holdBack(reason: Hold): void {
    this.#holds.add(reason);
    this.#watch.hold(); // It is we who stall.
    this.#connection.pause();
  }

  #letGo(reason: Hold): void {
    if (!this.#holds.delete(reason) || this.#holds.size > 0 || this.#isOver) return;
    this.#watch.release();
    this.#connection.resume();
    this.pump();
  }

  #forget(id: number): void {
    this.#requests.delete(id);
    this.#restWhenIdle();
    this.pump();
  }

  #begin(): void {
    this.#otherRequests += 1;
    this.#watch.start();
  }

  #finish(): void {
    this.#otherRequests -= 1;
    this.#watch.progress(0);
    this.#restWhenIdle();
  }

  #restWhenIdle(): void {
    if (this.#requests.size + this.#otherRequests === 0) this.#watch.rest();
  }

  #askedChunks(): number {
    let chunks = 0;
    for (const receiver of this.#requests.values()) if (!receiver.isAbandoned) chunks += receiver.rest.count;
    return chunks - this.heldBytes / (this.#sink?.chunkBytes ?? 1);
  }

  #takeHave(ticketId: string, news: HaveNews): void {
    if (ticketId !== this.#ticketId) return;
    this.#holdings.take(news, this.#sink, this);
    if (news.entries !== undefined) this.onEntries?.();
    this.pump();
  }

  #refuseChunk({ index, file }: WholeChunk): void {
    const fault = new SourceFault('lied', `sent bytes that are not the file (chunk ${index})`);
    this.#connection.pause();
    this.#connection.send({ type: 'bad-chunk', ticketId: this.#ticketId, ...(file && { file }), index });
    this.#fail(fault);
  }

  #fail(fault: SourceFault): void {
    if (fault.kind === 'lied') this.#fault = fault;
    if (this.#isOver) return;
    this.#isOver = true;
    this.#fault = fault;
    this.#watch.rest();
    this.#patience.end();
    this.#over.abort(fault);
    this.#share[Symbol.dispose]();
    for (const receiver of this.#requests.values()) receiver.abandon();
    this.#requests.clear();
    const hasLied = fault.kind === 'lied';
    const bytes = this.verifiedBytes;
    const ticket = bytes > 0 || hasLied ? this.#ticket : undefined;
    const receipt = ticket && this.#receipt?.({ ticket, bytes, hasLied });
    endConnection(this.#connection, { hasLied, receipt, clock: this.#clock });
    this.#endWhenJudged();
  }

  /** Nobody else is asked for chunks that are as good as there, and a lie comes out even when its teller has gone. */
  #endWhenJudged(): void {
    if (this.#fault === undefined || this.#unproven > 0) return;
    this.#sink?.scheduler.removeSource(this.sourceId);
    this.#end(this.#fault);
  }

  async #orEnd<T>(promise: Promise<T>): Promise<T> {
    const fault = this.ended.then((reason) => Promise.reject(reason));
    return Promise.race([promise, fault]);
  }
}
