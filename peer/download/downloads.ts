/**
 * All downloads of this peer: the one object the composition knows of `peer/download`. A few run at once, the rest wait; those of a peer
 * with a state folder go on after a restart.
 */
import { randomBytes } from 'node:crypto';

import { type Clock, systemClock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { PeerError, type TransferRow } from '../api.js';
import { FairQueue } from '../file-port/fair-queue.js';
import type { SharedFile, SharedFiles } from '../upload/shared-file.js';
import { Download } from './download.js';
import type { DownloadRequest } from './download-request.js';
import type { DownloadTracker } from './download-tracker.js';
import type { Dial } from './race-addresses.js';
import { type SavedDownload, SavedDownloads } from './saved-downloads.js';

/** Downloads that run at once: each has several sources, so more would only make all of them late. */
const MAX_RUNNING = 4;
/** Downloads that run or wait. */
const MAX_WAITING = 10_000;
/** Ended downloads that `rows()` still shows. */
const MAX_ENDED = 50;
/** `onUpdate` and `onProgress` are called at most every so many ms. */
const UPDATE_EVERY_MS = 100;

export interface DownloadsOptions {
  readonly tracker: DownloadTracker;
  readonly dial: Dial;
  /** This device, 64 hex digits: never its own source. */
  readonly ownPin: string;
  /** `downloads.json` is kept here; without it a download ends with the process. */
  readonly stateDir?: string | undefined;
  /** Offer what is there to others while a download runs. */
  readonly isSharing: boolean;
  readonly onNotice: (level: 'info' | 'warning' | 'error', text: string) => void;
  /** `rows()` changed. */
  readonly onUpdate: () => void;
  readonly clock?: Clock | undefined;
}

export interface GetOptions extends AbortOptions {
  readonly onProgress?: ((row: TransferRow) => void) | undefined;
}

interface Running {
  readonly download: Download;
  readonly request: DownloadRequest;
  readonly stop: AbortController;
  readonly outcome: Promise<TransferRow>;
  readonly listeners: Set<(row: TransferRow) => void>;
  /** It began with this process, without a call. */
  readonly isResumed: boolean;
  /** Calls of `get` that wait for it. */
  callers: number;
}

export class Downloads implements Part {
  readonly #options: DownloadsOptions;
  readonly #clock: Clock;
  readonly #queue = new FairQueue({ places: MAX_RUNNING });
  readonly #running = new Map<string, Running>();
  readonly #ended: TransferRow[] = [];
  readonly #saved: SavedDownloads;
  #isStopping = false;
  #isUpdatePlanned = false;

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#saved = new SavedDownloads(options.stateDir);
  }

  /** What running downloads can give to others. */
  readonly shared: SharedFiles = {
    find: (publicationId, fileId) =>
      this.#findShared((file) => file.publicationId === publicationId && file.fileId === fileId),
    findFile: (fileId) => this.#findShared((file) => file.fileId === fileId),
  };

  get bytesPerSecond(): number {
    let sum = 0;
    for (const { download } of this.#running.values()) sum += download.row().bytesPerSecond;
    return sum;
  }

  /** Fetches, or joins the download of the same content to the same place; resolves when the file is durable. @throws {PeerError} */
  async get(request: DownloadRequest, { signal, onProgress }: GetOptions): Promise<TransferRow> {
    signal.throwIfAborted();
    const [transferId, running] = this.#find(request) ?? this.#start(newTransferId(), request, { isPatient: false });
    running.download.hurry();
    running.callers += 1;
    if (onProgress !== undefined) running.listeners.add(onProgress);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => {
      // Others may wait for the same file, or it goes on by itself: only the last caller takes the download along.
      if (running.callers === 1 && !running.isResumed) running.stop.abort(signal.reason);
      else reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#keep(this.#saved.add({ transferId, request })), aborted]);
      return await Promise.race([running.outcome, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      running.callers -= 1;
      if (onProgress !== undefined) running.listeners.delete(onProgress);
    }
  }

  /** Running and waiting downloads, then ended ones, latest last. */
  rows(): TransferRow[] {
    return [...this.#ended, ...[...this.#running.values()].map(({ download }) => download.row())];
  }

  /** Stops a download; what was fetched stays for the next `get`. @throws {PeerError} `not-found`. */
  async cancel(transferId: string): Promise<TransferRow> {
    const running = this.#running.get(transferId);
    if (running === undefined) {
      throw new PeerError({
        code: 'not-found',
        message: `There is no download ${transferId} under way. "status" lists them.`,
      });
    }
    running.stop.abort(
      new PeerError({ code: 'interrupted', message: 'The download was stopped. "get" goes on with it.' }),
    );
    await running.outcome.catch(() => undefined); // That it was stopped is what was asked for.
    return running.download.row();
  }

  /** Goes on with what an earlier run left, for as long as it takes; resolves when all are started. */
  async resumeSaved(): Promise<void> {
    for (const saved of await this.#saved.load()) this.#resume(saved);
  }

  /** Parks everything: `.part` files and the list of downloads stay. May be called twice. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const all = [...this.#running.values()];
    for (const { stop } of all)
      stop.abort(
        new PeerError({ code: 'interrupted', message: 'The peer is ending; the download goes on next time.' }),
      );
    await Promise.allSettled(all.map(({ outcome }) => outcome));
  }

  #resume({ transferId, request }: SavedDownload): void {
    if (this.#find(request) !== undefined) return;
    try {
      const [, running] = this.#start(transferId, request, { isPatient: true });
      running.outcome.then(
        (row) => this.#options.onNotice('info', `${row.path} is complete.`),
        (error: unknown) => {
          if (error instanceof PeerError && error.code !== 'interrupted')
            this.#options.onNotice('error', error.message);
        },
      );
    } catch (error) {
      // The name or size cannot be had here any more: it will not get better by waiting.
      this.#options.onNotice('error', error instanceof Error ? error.message : String(error));
      void this.#keep(this.#saved.remove(transferId));
    }
  }

  /** The download that goes to the same place. @throws {PeerError} `in-use` when it fetches something else. */
  #find(request: DownloadRequest): [string, Running] | undefined {
    for (const [transferId, running] of this.#running) {
      const { directory, fileName, fileId } = running.request;
      if (directory !== request.directory || fileName !== request.fileName) continue;
      if (fileId === request.fileId) return [transferId, running];
      const message = `Something else is being fetched to ${running.download.target.path}. Wait for it, or choose another name with --as NAME.`;
      throw new PeerError({ code: 'in-use', message });
    }
    return undefined;
  }

  #start(transferId: string, request: DownloadRequest, { isPatient }: { isPatient: boolean }): [string, Running] {
    if (this.#isStopping) throw new PeerError({ code: 'interrupted', message: 'The peer is ending.' });
    if (this.#running.size >= MAX_WAITING) {
      throw new PeerError({
        code: 'too-many',
        message: `${MAX_WAITING} downloads are waiting already. Let some end first.`,
      });
    }
    const { tracker, dial, ownPin, isSharing, onNotice } = this.#options;
    const onUpdate = (): void => this.#planUpdate();
    const { clock } = this.#options;
    const download = new Download({
      transferId,
      request,
      tracker,
      dial,
      ownPin,
      isPatient,
      isSharing,
      onNotice,
      onUpdate,
      clock,
    });
    const stop = new AbortController();
    const outcome = this.#run(transferId, download, stop.signal);
    outcome.catch(() => undefined); // Whoever called `get` hears of it; a download that was resumed has a row and a notice.
    const running: Running = {
      download,
      request,
      stop,
      outcome,
      listeners: new Set(),
      isResumed: isPatient,
      callers: 0,
    };
    this.#running.set(transferId, running);
    this.#planUpdate();
    return [transferId, running];
  }

  async #run(transferId: string, download: Download, signal: AbortSignal): Promise<TransferRow> {
    try {
      await this.#queue.run(() => download.run({ signal }), { owner: '', signal });
      return download.row();
    } finally {
      this.#end(transferId, download);
      // Parked downloads stay in the list; all others have had their outcome.
      if (!(this.#isStopping && signal.aborted)) await this.#keep(this.#saved.remove(transferId));
    }
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

  #end(transferId: string, download: Download): void {
    const row = download.row();
    for (const listener of this.#running.get(transferId)?.listeners ?? []) listener(row);
    this.#running.delete(transferId);
    this.#ended.push(row.state === 'waiting' ? { ...row, state: 'stopped' } : row);
    if (this.#ended.length > MAX_ENDED) this.#ended.shift();
    this.#options.onUpdate();
  }

  #findShared(isWanted: (file: SharedFile) => boolean): SharedFile | undefined {
    for (const { download } of this.#running.values()) {
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
      for (const { download, listeners } of this.#running.values())
        for (const listener of listeners) listener(download.row());
      this.#options.onUpdate();
    }, UPDATE_EVERY_MS);
    timer.unref();
  }
}

function newTransferId(): string {
  return randomBytes(6).toString('hex');
}
