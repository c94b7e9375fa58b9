/**
 * Serves this peer's files to others: the one object the composition knows of `peer/upload`. Every connection becomes an `UploadLane`;
 * what they share (places, rate limit, open files, counters) is here.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { sleep } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { UploadRow } from '../api.js';
import type { FairQueue } from '../file-port/fair-queue.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import { RateMeter } from '../file-port/rate-meter.js';
import { BlockPool, MAX_BLOCK_BYTES } from '../file-port/run-block.js';
import { type DirectionLimits, LEAST_SHARE_BYTES_PER_SECOND, RateShares } from '../rates/rate-shares.js';
import type { SourceReceipts } from '../receipts/lane-receipts.js';
import { ChunkChecks } from './chunk-checks.js';
import { toProtocolError } from './grant.js';
import { type Lease, ServedFiles } from './served-files.js';
import type { SharedFile, SharedFiles } from './shared-file.js';
import type { TicketGate } from './ticket-gate.js';
import type { UploadDesk } from './upload-desk.js';
import { UploadLane } from './upload-lane.js';
import { UploadTally } from './upload-row.js';
import { createUploadSlots, MAX_ACTIVE_UPLOADS } from './upload-slots.js';

/** Blocks kept for the next transfer, 1 MiB each. */
const KEPT_BLOCKS = 32;
/** Uploads end within this after `stop()`, ms. */
const STOP_AFTER_MS = 1_500;

export interface UploadsOptions {
  readonly files: SharedFiles;
  readonly tickets: TicketGate;
  /**
   * A file is not any more what was published as that; the library should look at it again. May come more than once. A promise resolves
   * when it has.
   */
  readonly onChanged: (publicationId: string, fileId: string) => unknown;
  /** Until `setLimits`. Default: none. */
  readonly limits?: DirectionLimits | undefined;
  readonly maxActive?: number | undefined;
  readonly maxActivePerUser?: number | undefined;
  /** A connection that took bytes of a file ended; for the log. */
  readonly onServed?: ((row: UploadRow) => void) | undefined;
  /** Something in `rows()` began or ended. */
  readonly onUpdate?: (() => void) | undefined;
  /** Default: nothing is signed. */
  readonly receipts?: SourceReceipts | undefined;
  readonly clock?: Clock | undefined;
}

export class Uploads implements Part {
  readonly slots: FairQueue;
  readonly rates: RateShares;
  readonly served = new ServedFiles();
  readonly #lanes = new Map<UploadLane, PeerConnection>();
  readonly #tallies = new Set<UploadTally>();
  /** Publications that the library reads again. */
  readonly #checking = new Set<string>();
  readonly #meter: RateMeter;
  readonly #desk: UploadDesk;
  readonly #options: UploadsOptions;
  readonly #clock: Clock;
  #isStopping = false;

  constructor(options: UploadsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.rates = new RateShares({}, this.#clock);
    this.#meter = new RateMeter(this.#clock);
    const { maxActive, maxActivePerUser } = options;
    this.slots = createUploadSlots({ maxActive, maxActivePerUser, clock: this.#clock });
    this.setLimits(options.limits ?? {});
    this.#desk = {
      files: options.files,
      tickets: options.tickets,
      lease: (shared) => this.lease(shared),
      checks: new ChunkChecks({
        served: this.served,
        clock: this.#clock,
        onWrong: (shared) => this.fileChanged(shared),
      }),
      slots: this.slots,
      rates: this.rates,
      blocks: new BlockPool(MAX_BLOCK_BYTES, KEPT_BLOCKS),
      meter: this.#meter,
      receipts: options.receipts,
      clock: this.#clock,
      fileChanged: (shared) => this.fileChanged(shared),
      folderChanged: (shared) => this.outdated(shared),
    };
  }

  /** Answers what the other end of `connection` requests, whoever dialled. */
  accept(connection: PeerConnection): void {
    if (this.#isStopping) {
      connection.close();
      return;
    }
    const tallies: UploadTally[] = [];
    const lane = new UploadLane(connection, this.#desk, (shared, user) => {
      const tally = this.startTally(shared.name, user);
      tallies.push(tally);
      return tally;
    });
    this.#lanes.set(lane, connection);
    connection.onClose(() => {
      this.#lanes.delete(lane);
      for (const tally of tallies) this.endTally(tally);
    });
  }

  /** Files being sent now, or until a moment ago. */
  rows(): UploadRow[] {
    return [...this.#tallies].filter((tally) => tally.isActive).map((tally) => tally.row());
  }

  /** File bytes handed to sockets since the start, links included. */
  get sentBytes(): number {
    return this.#meter.total;
  }

  get bytesPerSecond(): number {
    return this.#meter.bytesPerSecond;
  }

  /** Counts at once, also for what is under way. A tight limit leaves fewer places, so that each still gets somewhere. */
  setLimits(limits: DirectionLimits): void {
    this.rates.set(limits);
    const worth = Math.floor((limits.total ?? Infinity) / LEAST_SHARE_BYTES_PER_SECOND);
    this.slots.places = Math.max(1, Math.min(this.#options.maxActive ?? MAX_ACTIVE_UPLOADS, worth));
  }

  /** For the link lane, whose transfers count like all others. */
  startTally(name: string, user: string): UploadTally {
    const tally = new UploadTally(name, user, {
      clock: this.#clock,
      onBegin: () => this.#options.onUpdate?.(),
    });
    this.#tallies.add(tally);
    return tally;
  }

  endTally(tally: UploadTally): void {
    this.#tallies.delete(tally);
    const row = tally.row();
    if (row.sentBytes > 0) this.#options.onServed?.(row);
    this.#options.onUpdate?.();
  }

  /** Bytes that left by the link lane. */
  count(bytes: number): void {
    this.#meter.add(bytes);
    this.slots.moved(bytes);
  }

  /** Call when revocations changed: running uploads that are revoked end now. */
  recheck(): void {
    for (const lane of this.#lanes.keys()) lane.recheck();
  }

  /** Ends all uploads of a publication whose content was replaced or withdrawn for good: their downloaders hear `changed`. */
  withdraw(shared: Pick<SharedFile, 'publicationId' | 'fileId'>): void {
    for (const lane of this.#lanes.keys()) lane.dropFile(shared as SharedFile);
  }

  /** Says goodbye to everybody, lets begun runs finish, and closes what is left within 2 s. May be called twice. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const open = [...this.#lanes.values()];
    const closed = Promise.all(
      open.map((connection) => new Promise<void>((resolve) => connection.onClose(() => resolve()))),
    );
    for (const lane of [...this.#lanes.keys()]) lane.leave();
    const waiting = new AbortController();
    const timeout = sleep(STOP_AFTER_MS, { signal: waiting.signal, clock: this.#clock }).catch(() => undefined);
    await Promise.race([closed, timeout]);
    waiting.abort();
    for (const connection of open) connection.close();
  }

  /** Opens a file to serve it. @throws {ProtocolError} `changed`, `gone`; `checking` while the library reads it again. */
  async lease(shared: SharedFile): Promise<Lease> {
    try {
      return await this.served.acquire(shared);
    } catch (error) {
      const { code } = toProtocolError(error);
      if (code !== 'changed' && code !== 'gone' && code !== 'checking') throw error;
      this.outdated(shared);
      throw code !== 'checking' || this.#checking.has(shared.publicationId) ? error : new ProtocolError('changed');
    }
  }

  /** What lies at its path is not what was published. Who has it open may still read the old content to its end. */
  outdated({ publicationId, fileId, isFormer }: SharedFile): void {
    if (isFormer === true) return;
    const check = this.#options.onChanged(publicationId, fileId);
    if (!(check instanceof Promise) || this.#checking.has(publicationId)) return;
    this.#checking.add(publicationId);
    // What became of it shows when the file is asked for again.
    void check.catch(() => undefined).then(() => this.#checking.delete(publicationId));
  }

  /** A file turned out not to be what was published: everybody who fetches it hears it, and the library. */
  fileChanged(shared: SharedFile): void {
    for (const lane of this.#lanes.keys()) lane.dropFile(shared);
    this.outdated(shared);
  }
}
