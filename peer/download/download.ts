/**
 * One download from the first question to the durable file. It puts the parts together: `source-pool.ts` (who sends), `chunk-intake.ts`
 * (what arrives), `part-file.ts` (what is on the disk). Order of things: name and space, ticket, manifest, what an earlier run left,
 * chunks, durability. It knows no sockets and no paths but its target's.
 */
import { chunkSizeFor } from '../../common/content/chunk-size.js';
import { ContentError } from '../../common/content/content-error.js';
import { parseFileId } from '../../common/content/file-id.js';
import { type Manifest, parseManifest } from '../../common/content/manifest.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { type AbortOptions, isAbort } from '../../common/runtime/deadline.js';
import { PeerError, type TransferRow, type TransferState } from '../api.js';
import { RateMeter } from '../file-port/rate-meter.js';
import type { SharedFile } from '../upload/shared-file.js';
import { ChunkIntake } from './chunk-intake.js';
import type { ChunkSet } from './chunk-set.js';
import type { ChunkWriter } from './chunk-writer.js';
import type { Connector } from './connector.js';
import type { DownloadRates } from './download-rates.js';
import type { DownloadRequest } from './download-request.js';
import type { DownloadTracker } from './download-tracker.js';
import { takeOldChunks } from './old-chunks.js';
import { PartFile } from './part-file.js';
import { clearStaleLock } from './part-lock.js';
import type { PartOrigin } from './saved-downloads.js';
import type { SourceEntry } from './source-entry.js';
import { SourceFault } from './source-fault.js';
import type { SourceHistory } from './source-history.js';
import { SourcePool } from './source-pool.js';
import type { SourceSession } from './source-session.js';
import { SwarmHold } from './swarm-hold.js';
import { refuseExisting, refuseTooLarge, type Target, targetOf } from './target.js';

/** Where what lies in the `.part` came from; written here, kept from try to try by whoever made the download. */
export interface Provenance {
  part: PartOrigin | undefined;
}

export interface DownloadOptions {
  readonly transferId: string;
  readonly request: DownloadRequest;
  readonly tracker: DownloadTracker;
  readonly connector: Connector;
  readonly ownPin: string;
  readonly history: SourceHistory;
  /** Offer what is there to others while it runs. */
  readonly isSharing: boolean;
  readonly provenance: Provenance;
  readonly rates: DownloadRates;
  readonly writer: ChunkWriter;
  readonly onNotice: (level: 'info' | 'warning', text: string) => void;
  readonly onUpdate: () => void;
  readonly clock?: Clock | undefined;
}

export class Download {
  readonly #options: DownloadOptions;
  readonly #request: DownloadRequest;
  readonly #clock: Clock;
  readonly #target: Target;
  readonly #pool: SourcePool;
  readonly #meter: RateMeter;
  readonly #haveListeners = new Set<(index: number) => void>();
  readonly #finished = Promise.withResolvers<void>();
  #signal = new AbortController().signal;
  readonly #hold: SwarmHold;
  #state: TransferState = 'waiting';
  #problem: TransferRow['problem'];
  #part: PartFile | undefined;
  #intake: ChunkIntake | undefined;
  #preparing: Promise<void> | undefined;
  #checkedBytes = 0;
  #settledSources: TransferRow['sources'] | undefined;

  /** @throws {PeerError} `bad-name`, `too-large`: what can be told without asking anybody. */
  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#request = options.request;
    this.#clock = options.clock ?? systemClock;
    this.#meter = new RateMeter(this.#clock);
    this.#hold = new SwarmHold(options.tracker, this.#clock);
    this.#target = targetOf(options.request.directory, options.request.fileName, options.request.fileId);
    chunkSizeOf(options.request);
    const { request, tracker, connector, ownPin, history, rates, onNotice, onUpdate, clock } = options;
    const useSession = (session: SourceSession, entry: SourceEntry): Promise<void> => this.#useSession(session, entry);
    const isWorking = (): boolean => this.#state === 'checking';
    this.#pool = new SourcePool({
      request,
      tracker,
      connector,
      ownPin,
      history,
      rates,
      useSession,
      isWorking,
      onListed: () => this.#intake?.swarm.set(this.#pool.swarm),
      onNotice,
      onUpdate,
      clock,
    });
    // Only `run` waits for it; a download that ends otherwise leaves it alone.
    this.#finished.promise.catch(() => undefined);
  }

  get target(): Target {
    return this.#target;
  }

  /** Resolves when the file is durable under its name. @throws {PeerError}; `signal.reason` when aborted: the `.part` is kept. */
  async run({ signal }: AbortOptions): Promise<void> {
    try {
      this.#signal = signal;
      await this.#run(signal);
      this.#setState('done');
    } catch (error) {
      this.#settle(error, signal);
      throw error;
    } finally {
      this.#hold.end({ keeps: this.#request.keepsSharing === true });
    }
  }

  row(): TransferRow {
    const { request, transferId } = this.#options;
    const bytesPerSecond = this.#state === 'fetching' ? this.#meter.bytesPerSecond : 0;
    const doneBytes = this.#intake?.doneBytes ?? 0;
    const left = request.sizeBytes - doneBytes;
    return {
      transferId,
      name: request.name,
      owner: request.owner,
      fileId: request.fileId,
      sizeBytes: request.sizeBytes,
      doneBytes: this.#state === 'checking' ? this.#checkedBytes : doneBytes,
      receivedBytes: this.#meter.total - (this.#intake?.underWayBytes ?? 0),
      resumedBytes: this.#intake?.resumedBytes ?? 0,
      duplicateBytes: this.#intake?.duplicateBytes ?? 0,
      bytesPerSecond,
      ...(bytesPerSecond > 0 ? { etaMs: Math.round((left * 1_000) / bytesPerSecond) } : {}),
      sources: this.#settledSources ?? this.#pool.rows(),
      state: this.#state,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      path: this.#target.path,
    };
  }

  /** What others may fetch of it while it runs; undefined before there is anything. */
  shared(): SharedFile | undefined {
    const { request } = this.#options;
    const [intake, part] = [this.#intake, this.#part];
    if (!this.#isSharing || intake === undefined || part === undefined || this.#state !== 'fetching') return undefined;
    return {
      publicationId: request.publicationId,
      fileId: request.fileId,
      name: request.name,
      path: part.path,
      size: request.sizeBytes,
      manifest: () => intake.manifest,
      have: () => intake.held.toRanges(),
      holds: (first, count) => intake.held.hasAll(first, count),
      onHave: (fn) => {
        this.#haveListeners.add(fn);
        return () => this.#haveListeners.delete(fn);
      },
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    await this.#refuseExisting();
    await this.#options.history.load();
    using _large = this.#options.writer.expect(this.#request.sizeBytes);
    await using part = await PartFile.open(this.#target, { writer: this.#options.writer, force: this.#request.force });
    this.#part = part;
    await refuseTooLarge(this.#target, Math.max(0, this.#request.sizeBytes - part.allocatedBytes));
    // Nothing has only one content: its id proves it without anybody.
    if (this.#request.sizeBytes === 0) await this.#prepareEmpty();
    await this.#fetchAll(signal);
    this.#setState('finishing');
    await part.publish({ force: this.#request.force, size: this.#request.sizeBytes });
  }

  async #refuseExisting(): Promise<void> {
    try {
      await refuseExisting(this.#target, this.#request);
    } catch (error) {
      // A crash right after the file was finished leaves the lock behind, and nobody else will come for it.
      clearStaleLock(this.#target.partPath);
      throw error;
    }
  }

  /** Until every chunk is written, or the pool or the disk gives up. */
  async #fetchAll(signal: AbortSignal): Promise<void> {
    if (this.#intake?.isComplete === true) return;
    const enough = new AbortController();
    const over = AbortSignal.any([signal, enough.signal]);
    const pool = this.#pool.run({ signal: over });
    try {
      await Promise.race([this.#finished.promise, pool]);
    } finally {
      this.#settledSources = this.#pool.rows();
      enough.abort(new DOMException('all chunks are there', 'AbortError'));
      await pool.catch(() => undefined); // What it says now is only that it was stopped; what it said before was thrown above.
      await this.#preparing?.catch(() => undefined);
      await this.#intake?.settle();
    }
  }

  async #useSession(session: SourceSession, entry: SourceEntry): Promise<void> {
    if (this.#intake === undefined) {
      const bytes = await session.fetchManifest();
      // Another source may have been sooner; this one is proven all the same, or named.
      const manifest = this.#prove(bytes);
      this.#preparing ??= this.#prepare(manifest);
    }
    await this.#preparing;
    this.#intake?.join(session);
    entry.isPreparing = false;
  }

  /** @throws {SourceFault} `lied` when the bytes are not the manifest of what is wanted. */
  #prove(bytes: Uint8Array): Manifest {
    try {
      return parseManifest(bytes, parseFileId(this.#request.fileId), this.#request.sizeBytes);
    } catch (error) {
      if (!(error instanceof ContentError)) throw error;
      throw wrongManifest(error);
    }
  }

  async #prepareEmpty(): Promise<void> {
    let manifest: Manifest;
    try {
      manifest = this.#prove(new Uint8Array(0));
    } catch (error) {
      const message = `${safeDisplay(this.#request.name)} is listed with 0 bytes, but its id says otherwise. Its publisher is wrong; nothing was kept.`;
      throw new PeerError({ code: 'integrity', message }, { cause: error });
    }
    await this.#prepare(manifest);
  }

  /**
   * Finds out which chunks an earlier run left, and which a file has that will be replaced. A file under our name that is not right any
   * more is somebody's work: it is not touched.
   */
  async #prepare(manifest: Manifest): Promise<void> {
    const part = required(this.#part);
    let held: ChunkSet;
    try {
      this.#setState('checking');
      const watch = { signal: this.#signal, onProgress: (bytes: number) => this.#checked(bytes) };
      held = await part.check(manifest, watch);
      if (!held.isFull) await this.#refuseTwin(part);
      const { provenance } = this.#options;
      // Once, before anything is fetched: until all of it was looked at, what lies in the `.part` must not count as our own after a restart.
      if (this.#request.force && provenance.part === undefined && !held.isFull)
        await takeOldChunks(this.#target.path, { part, manifest, held, ...watch });
      provenance.part ??= held.size > 0 ? 'mixed' : 'own';
    } catch (error) {
      this.#finished.reject(error);
      throw error;
    }
    this.#intake = new ChunkIntake({
      part,
      manifest,
      held,
      meter: this.#meter,
      sessions: () => this.#pool.sessions(),
      onCredit: (session, bytes) => this.#pool.credit(session, bytes),
      ownPin: this.#options.ownPin,
      onWritten: (index) => this.#written(index),
      onFailed: (error) => this.#finished.reject(error),
    });
    this.#intake.swarm.set(this.#pool.swarm);
    this.#setState('fetching');
    // Also with nothing yet: those who begin at the same time find one another sooner.
    if (!held.isFull) this.#startHold();
    if (held.isFull) this.#finished.resolve();
  }

  /** A crash may have left the `.part` and the finished file as one file; if that is not whole, the user has changed it since. */
  async #refuseTwin(part: PartFile): Promise<void> {
    if (this.#request.force || !(await part.isTwin())) return;
    await part.discard();
    await refuseExisting(this.#target, this.#request);
  }

  /** What was fetched under another publication must not be passed on under this one: who may fetch this may be somebody else. */
  get #isSharing(): boolean {
    return this.#options.isSharing && this.#options.provenance.part === 'own';
  }

  #written(index: number): void {
    if (this.#intake?.isComplete === true) this.#finished.resolve();
    for (const listener of this.#haveListeners) listener(index);
    this.#options.onUpdate();
  }

  #startHold(): void {
    if (!this.#isSharing) return;
    const { publicationId, fileId } = this.#request;
    void this.#hold.start(publicationId, fileId).then(() => this.#pool.lookForOthers());
  }

  #settle(error: unknown, signal: AbortSignal): void {
    if (isAbort(error, signal)) {
      this.#setState('stopped');
      return;
    }
    const name = safeDisplay(this.#request.name);
    this.#problem =
      error instanceof PeerError
        ? error.problem
        : { code: 'internal', message: `${name} could not be fetched: ${String(error)}` };
    this.#setState('failed');
  }

  #checked(bytes: number): void {
    this.#checkedBytes = bytes;
    this.#options.onUpdate();
  }

  #setState(state: TransferState): void {
    this.#state = state;
    this.#options.onUpdate();
  }
}

function wrongManifest(cause: ContentError): SourceFault {
  return new SourceFault('lied', 'sent a manifest that does not belong to the file', { cause });
}

function chunkSizeOf({ sizeBytes, name }: DownloadRequest): number {
  try {
    return chunkSizeFor(sizeBytes);
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    throw new PeerError(
      { code: 'too-large', message: `${safeDisplay(name)} cannot be fetched: ${error.message}.` },
      { cause: error },
    );
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a download was used before it was prepared');
  return value;
}
