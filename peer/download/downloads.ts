/**
 * All downloads of this peer: the one object the composition knows of `peer/download`. A few run at once, the rest wait; those of a peer
 * with a state folder go on after a restart.
 */
import { randomBytes } from 'node:crypto';

import { safeDisplay } from '../../common/content/safe-display.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { PeerError, type PeerProblem, type TransferPriority, type TransferRow } from '../api.js';
import { RateShares } from '../rates/rate-shares.js';
import type { SharedFile, SharedFiles } from '../upload/shared-file.js';
import { ChunkWriter } from './chunk-writer.js';
import type { Connector } from './connector.js';
import { Download, type Provenance } from './download.js';
import { ratesOf } from './download-rates.js';
import type { DownloadRequest } from './download-request.js';
import type { DownloadTracker } from './download-tracker.js';
import { FolderDownload } from './folder/folder-download.js';
import type { LocalFolders } from './folder/local-folder.js';
import { type SavedDownload, SavedDownloads } from './saved-downloads.js';
import { SourceHistory } from './source-history.js';
import { Transfer, type Try } from './transfer.js';
import { Turns } from './turns.js';

/** Downloads that run at once: each has several sources, so more would only make all of them late. */
const MAX_RUNNING = 4;
/** Downloads that run or wait. */
const MAX_WAITING = 10_000;
/** Ended downloads that `rows()` still shows. */
const MAX_ENDED = 50;
/** `onUpdate` and `onProgress` are called at most every so many ms. */
const UPDATE_EVERY_MS = 100;

const NOTHING_LOCAL: LocalFolders = { read: async () => ({ at: () => undefined, find: () => [], files: () => [] }) };

export interface DownloadsOptions {
  readonly tracker: DownloadTracker;
  readonly connector: Connector;
  /** This device, 64 hex digits: never its own source. */
  readonly ownPin: string;
  /** `downloads.json` is kept here; without it a download ends with the process. */
  readonly stateDir?: string | undefined;
  /** Where it is kept who lied about which file; without it that is forgotten with the process. */
  readonly historyDir?: string | undefined;
  /** Downloads that run at once. Default: 4. */
  readonly maxRunning?: number | undefined;
  /** Of what is received. Default: no limits. */
  readonly rates?: RateShares | undefined;
  /** What this device has of folders that are brought up to date. Default: nothing is known, so all is fetched. */
  readonly folders?: LocalFolders | undefined;
  /** Files from this size on are proven and written by a thread of their own. Default: 64 MiB. */
  readonly threadFromBytes?: number | undefined;
  /** Offer what is there to others while a download runs. */
  readonly isSharing: boolean;
  readonly onNotice: (level: 'info' | 'warning' | 'error', text: string) => void;
  /** A download begins to rest before its next try. */
  readonly onRest?: () => void;
  /** `rows()` changed. */
  readonly onUpdate: () => void;
  readonly clock?: Clock | undefined;
}

export interface GetOptions extends AbortOptions {
  readonly onProgress?: ((row: TransferRow) => void) | undefined;
  /** Default: `normal`, or what it has already. */
  readonly priority?: TransferPriority | undefined;
}

/** A download that is over, and what is needed to try it again. */
interface Ended {
  readonly row: TransferRow;
  readonly saved: SavedDownload;
}

export class Downloads implements Part {
  readonly #options: DownloadsOptions;
  readonly #clock: Clock;
  readonly #turns: Turns;
  readonly #transfers = new Map<string, Transfer>();
  readonly #ended: Ended[] = [];
  readonly #saved: SavedDownloads;
  readonly #history: SourceHistory;
  readonly #rates: RateShares;
  readonly #writer: ChunkWriter;
  #isStopping = false;
  #isUpdatePlanned = false;

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#writer = new ChunkWriter(options.threadFromBytes);
    this.#turns = new Turns(options.maxRunning ?? MAX_RUNNING);
    this.#saved = new SavedDownloads(options.stateDir);
    this.#history = new SourceHistory(options.historyDir, this.#clock);
    this.#rates = options.rates ?? new RateShares({}, this.#clock);
  }

  /** What running downloads can give to others. */
  readonly shared: SharedFiles = {
    find: (publicationId, fileId) =>
      this.#findShared((file) => file.publicationId === publicationId && file.fileId === fileId),
    findFile: (fileId) => this.#findShared((file) => file.fileId === fileId),
  };

  get bytesPerSecond(): number {
    let sum = 0;
    for (const { download } of this.#transfers.values()) sum += download.row().bytesPerSecond;
    return sum;
  }

  /**
   * Fetches, or joins the download of the same content to the same place; resolves when the file is durable. What may come back (a
   * source, the tracker, room on the disk) is a failure for the caller; where there is a state folder the download goes on all the same.
   * @throws {PeerError}
   */
  async get(request: DownloadRequest, { signal, onProgress, priority }: GetOptions): Promise<TransferRow> {
    signal.throwIfAborted();
    const transfer = this.#find(request) ?? this.#start({ transferId: newTransferId(), request }, { isAlone: false });
    if (priority !== undefined) transfer.priority = priority;
    transfer.goOn();
    const { verdict } = transfer;
    transfer.callers += 1;
    if (onProgress !== undefined) transfer.listeners.add(onProgress);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => {
      // Others may wait for the same file, or it goes on by itself: only the last caller takes the download along.
      if (transfer.callers === 1 && !transfer.goesOnAlone) transfer.stop.abort(signal.reason);
      else reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#keep(this.#saved.put(transfer.saved)), aborted]);
      return await Promise.race([verdict, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      transfer.callers -= 1;
      if (onProgress !== undefined) transfer.listeners.delete(onProgress);
    }
  }

  /** Running and waiting downloads, then ended ones, latest last. */
  rows(): TransferRow[] {
    return [...this.#ended.map(({ row }) => row), ...[...this.#transfers.values()].map((transfer) => transfer.row())];
  }

  /** Stops a download; what was fetched stays for the next `get`. @throws {PeerError} `not-found`. */
  async cancel(transferId: string): Promise<TransferRow> {
    const transfer = this.#underWay(transferId);
    transfer.stop.abort(
      new PeerError({
        code: 'interrupted',
        message: `Stopped: ${safeDisplay(transfer.request.name)}. "get" goes on with it.`,
      }),
    );
    await transfer.outcome.catch(() => undefined); // That it was stopped is what was asked for.
    return this.#ended.findLast(({ row }) => row.transferId === transferId)?.row ?? transfer.row();
  }

  /** Keeps a download still until `resume`, over restarts too; resolves when that is durable. @throws {PeerError} `not-found`. */
  async pause(transferId: string): Promise<TransferRow> {
    const transfer = this.#underWay(transferId);
    await transfer.pause();
    await this.#keepState(transfer);
    return transfer.row();
  }

  /** Ends a pause, or a rest before the next try. @throws {PeerError} `not-found`. */
  async resume(transferId: string): Promise<TransferRow> {
    const transfer = this.#underWay(transferId);
    transfer.goOn();
    await this.#keepState(transfer);
    return transfer.row();
  }

  /** Tries again what failed or was stopped; what waits for its next try does not wait longer. @throws {PeerError} `not-found`, `in-use`. */
  async retry(transferId: string): Promise<TransferRow> {
    const ended = this.#ended.find(({ row }) => row.transferId === transferId && row.state !== 'done');
    if (ended === undefined) return this.resume(transferId);
    const transfer = this.#find(ended.saved.request) ?? this.#start(ended.saved, { isAlone: true });
    await this.#keepState(transfer);
    return transfer.row();
  }

  /** Which of the waiting ones begin first. @throws {PeerError} `not-found`. */
  async setPriority(transferId: string, priority: TransferPriority): Promise<TransferRow> {
    const transfer = this.#underWay(transferId);
    transfer.priority = priority;
    await this.#keepState(transfer);
    return transfer.row();
  }

  /** A limit of this download alone, bytes a second; undefined: that of all. @throws {PeerError} `not-found`. */
  async setLimit(transferId: string, bytesPerSecond: number | undefined): Promise<TransferRow> {
    const transfer = this.#underWay(transferId);
    transfer.limit = bytesPerSecond;
    await this.#keepState(transfer);
    return transfer.row();
  }

  /** The tracker is back, and sources with it, or one of this transfer: it rests no longer. */
  hope(transferId?: string): void {
    for (const transfer of this.#transfers.values())
      if (transfer.isResting && transfer.transferId === (transferId ?? transfer.transferId)) transfer.goOn();
  }

  /** What rests until somebody has it. */
  resting(): { readonly transferId: string; readonly fileId: string }[] {
    return [...this.#transfers.values()]
      .filter((transfer) => transfer.isResting && transfer.row().problem?.code === 'no-source')
      .map(({ transferId, request: { fileId } }) => ({ transferId, fileId }));
  }

  /** Goes on with what an earlier run left, for as long as it takes; resolves when all are started. */
  async resumeSaved(): Promise<void> {
    for (const saved of await this.#saved.load()) this.#resume(saved);
  }

  /** The end is near: whatever stops from now on stays in the list of downloads. */
  park(): void {
    this.#isStopping = true;
  }

  /** Parks everything: `.part` files and the list of downloads stay. May be called twice. */
  async stop(): Promise<void> {
    this.park();
    const all = [...this.#transfers.values()];
    for (const { stop } of all)
      stop.abort(
        new PeerError({ code: 'interrupted', message: 'The peer is ending; the download goes on next time.' }),
      );
    await Promise.allSettled(all.map(({ outcome }) => outcome));
    await this.#writer.stopped();
  }

  #underWay(transferId: string): Transfer {
    const transfer = this.#transfers.get(transferId);
    if (transfer !== undefined) return transfer;
    throw new PeerError({
      code: 'not-found',
      message: `There is no download ${transferId} under way. "status" lists them.`,
    });
  }

  #resume(saved: SavedDownload): void {
    try {
      if (this.#find(saved.request) === undefined) this.#start(saved, { isAlone: true });
    } catch (error) {
      // The name or size cannot be had here any more: it will not get better by waiting.
      this.#options.onNotice('error', error instanceof Error ? error.message : String(error));
      void this.#keep(this.#saved.remove(saved.transferId));
    }
  }

  /** The download that goes to the same place. @throws {PeerError} `in-use` when it fetches something else. */
  #find(request: DownloadRequest): Transfer | undefined {
    for (const transfer of this.#transfers.values()) {
      if (transfer.request.directory !== request.directory || transfer.request.fileName !== request.fileName) continue;
      if (isSameContent(transfer.request, request)) return transfer;
      const message = `Something else is being fetched to ${transfer.download.target.path}. Wait for it, or choose another name with --as NAME.`;
      throw new PeerError({ code: 'in-use', message });
    }
    return undefined;
  }

  #start(saved: SavedDownload, { isAlone }: { isAlone: boolean }): Transfer {
    if (this.#isStopping) throw new PeerError({ code: 'interrupted', message: 'The peer is ending.' });
    if (this.#transfers.size >= MAX_WAITING) {
      throw new PeerError({
        code: 'too-many',
        message: `${MAX_WAITING} downloads are waiting already. Let some end first.`,
      });
    }
    const { clock, stateDir } = this.#options;
    const transfer = new Transfer({
      saved,
      isAlone,
      retries: stateDir !== undefined,
      newDownload: (provenance) => this.#newDownload(saved, provenance),
      turns: this.#turns,
      onOver: () => this.#over(transfer),
      onLimit: (limit) => this.#rates.setTransfer(saved.transferId, limit),
      onFailedTry: (problem, tries) => this.#failedTry(transfer, problem, tries),
      onUpdate: () => this.#planUpdate(),
      clock,
    });
    this.#transfers.set(saved.transferId, transfer);
    this.#forgetEnded(saved.request);
    transfer.outcome.catch(() => undefined); // It has a row, and whoever called `get` hears of it.
    this.#planUpdate();
    return transfer;
  }

  #newDownload({ transferId, request }: SavedDownload, provenance: Provenance): Try {
    const { tracker, connector, ownPin, isSharing, onNotice, clock, folders = NOTHING_LOCAL } = this.#options;
    const own = { history: this.#history, rates: ratesOf(transferId, this.#rates) };
    const parts = { tracker, connector, ownPin, ...own, writer: this.#writer, isSharing, provenance };
    const options = { transferId, request, ...parts, onNotice, onUpdate: () => this.#planUpdate(), clock };
    return request.kind === 'folder' ? new FolderDownload({ ...options, folders }) : new Download(options);
  }

  /** Callers hear of it by themselves; the rest is told once, not at every try. */
  #failedTry(transfer: Transfer, problem: PeerProblem, tries: number): void {
    if (tries === 1 && transfer.callers === 0)
      this.#options.onNotice('warning', `${problem.message} It is tried again by itself.`);
    void this.#keepState(transfer);
    this.#options.onRest?.();
  }

  async #over(transfer: Transfer): Promise<void> {
    const isParked = this.#isStopping && transfer.stop.signal.aborted;
    if (isParked) await this.#keepState(transfer);
    this.#end(transfer, transfer.row());
    // Parked downloads stay in the list; all others have had their outcome.
    if (!isParked) await this.#keep(this.#saved.remove(transfer.transferId));
  }

  #keepState(transfer: Transfer): Promise<void> {
    return this.#transfers.has(transfer.transferId) ? this.#keep(this.#saved.put(transfer.saved)) : Promise.resolve();
  }

  /** A list that cannot be written costs a download its life after a restart, not its life now. */
  async #keep(writing: Promise<void>): Promise<void> {
    try {
      await writing;
    } catch (error) {
      this.#options.onNotice(
        'warning',
        `The list of downloads could not be saved: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  #end(transfer: Transfer, row: TransferRow): void {
    const isOver = row.state === 'done' || row.state === 'failed';
    const { retryAt: _never, problem: _past, ...last } = row;
    const ended = isOver ? row : { ...last, state: 'stopped' as const };
    for (const listener of transfer.listeners) listener(ended);
    if (transfer.callers === 0) this.#tellEnd(ended);
    this.#transfers.delete(transfer.transferId);
    const { isPaused: _paused, ...saved } = transfer.saved;
    if (transfer.callers === 0 || !isRefusal(ended)) this.#ended.push({ row: ended, saved });
    if (this.#ended.length > MAX_ENDED) this.#ended.shift();
    this.#options.onUpdate();
  }

  /** Nobody waits for it, so nobody else says how it ended. */
  #tellEnd({ state, name, path, problem }: TransferRow): void {
    if (state === 'done')
      this.#options.onNotice('info', `${safeDisplay(name)} downloaded successfully, saved as ${safeDisplay(path)}`);
    else if (problem !== undefined) this.#options.onNotice('error', problem.message);
  }

  /** What goes to the same place now has taken its place. */
  #forgetEnded({ directory, fileName }: DownloadRequest): void {
    const index = this.#ended.findIndex(
      ({ row, saved: { request } }) =>
        row.state !== 'done' && request.directory === directory && request.fileName === fileName,
    );
    if (index >= 0) this.#ended.splice(index, 1);
  }

  #findShared(isWanted: (file: SharedFile) => boolean): SharedFile | undefined {
    for (const { download } of this.#transfers.values()) {
      const file = download.shared();
      if (file !== undefined && isWanted(file)) return file;
    }
    return undefined;
  }

  /** Chunks come thousands a second; people look ten times a second. */
  #planUpdate(): void {
    if (this.#isUpdatePlanned) return;
    this.#isUpdatePlanned = true;
    const timer = this.#clock.setTimer(() => {
      this.#isUpdatePlanned = false;
      for (const transfer of this.#transfers.values())
        for (const listener of transfer.listeners) listener(transfer.row());
      this.#options.onUpdate();
    }, UPDATE_EVERY_MS);
    timer.unref();
  }
}

/** Something else has the name: who asked was told so, and there never was a download that a list should show. */
function isRefusal({ doneBytes, problem }: TransferRow): boolean {
  return doneBytes === 0 && (problem?.code === 'exists' || problem?.code === 'is-directory');
}

function newTransferId(): string {
  return randomBytes(6).toString('hex');
}

/** A folder is followed from one revision to the next. */
function isSameContent(a: DownloadRequest, b: DownloadRequest): boolean {
  if (a.kind !== 'folder' || b.kind !== 'folder') return a.fileId === b.fileId && a.kind === b.kind;
  return a.publicationId === b.publicationId && a.inside === b.inside;
}
