/**
 * One try to fetch a folder, or some of it: the listing, then its files in waves, then one rename. When the folder is published anew
 * meanwhile, it goes on with the new listing and what it has. It puts parts together as `download.ts` does for a file.
 */
import type { Manifest } from '../../../common/content/manifest.js';
import { safeDisplay } from '../../../common/content/safe-display.js';
import { type Clock, systemClock } from '../../../common/runtime/clock.js';
import { type AbortOptions, isAbort, sleep } from '../../../common/runtime/deadline.js';
import { currentHost } from '../../../common/runtime/host.js';
import { PeerError, type TransferRow, type TransferState } from '../../api.js';
import { RateMeter } from '../../file-port/rate-meter.js';
import type { SharedFile } from '../../upload/shared-file.js';
import type { DownloadOptions } from '../download.js';
import type { DownloadRequest } from '../download-request.js';
import { ALONE } from '../fellows.js';
import { fileProblem } from '../file-problem.js';
import type { SourceEntry } from '../source-entry.js';
import { SourcePool } from '../source-pool.js';
import type { SourceSession } from '../source-session.js';
import { SwarmHold } from '../swarm-hold.js';
import { lookAt, refuseTooLarge, type Target } from '../target.js';
import { ArrivedFiles } from './arrived-files.js';
import { fetchListing } from './fetch-listing.js';
import { FolderPlan, type Wanted, type WantedFile } from './folder-plan.js';
import { filesMissing, folderProblem, largerThanSaid, NewRevision, nothingInside } from './folder-problems.js';
import { FolderWave, type LocalRoot } from './folder-wave.js';
import { insideOf, isPattern } from './inside.js';
import { bytesToCome, type LocalFolders } from './local-folder.js';
import { OpenSessions } from './open-sessions.js';
import { folderInTheWay, inTheWay, placeFile, placeInto, placeNew, putBack } from './place-folder.js';
import { pruneStaged } from './prune-staged.js';
import { directoriesOf, replacements } from './replacements.js';
import { SINGLE } from './stage-files.js';
import { StageThreads } from './stage-threads.js';
import { folderTargetOf, Staging } from './staging.js';
import { unlistedFiles } from './unlisted-files.js';

/** What no source has as it was published is asked for again after this, ms, and so often: its publisher is about to publish it anew. */
const MISSING_RETRY_MS = 1_000;
const MISSING_TRIES = 15;
/** Revisions that one try follows: somebody who publishes without end must not hold it for ever. */
const MAX_REVISIONS = 100;

export interface FolderDownloadOptions extends DownloadOptions {
  readonly folders: LocalFolders;
}

export class FolderDownload {
  readonly #options: FolderDownloadOptions;
  readonly #clock: Clock;
  readonly #target: Target;
  readonly #meter: RateMeter;
  #request: DownloadRequest;
  #state: TransferState = 'waiting';
  #problem: TransferRow['problem'];
  #pool: SourcePool | undefined;
  #wave: FolderWave | undefined;
  #plan: FolderPlan | undefined;
  #settledSources: TransferRow['sources'] | undefined;
  #checking = 0;
  #done = { bytes: 0, files: 0, resumed: 0 };
  #duplicateBytes = 0;
  readonly #hold: SwarmHold;
  /** What of it others may have from here. */
  #shared: SharedFile | undefined;
  #unlisted: TransferRow['unlisted'];

  /** @throws {PeerError} `bad-name`. */
  constructor(options: FolderDownloadOptions) {
    this.#options = options;
    this.#request = options.request;
    this.#clock = options.clock ?? systemClock;
    this.#meter = new RateMeter(this.#clock);
    this.#target = folderTargetOf(options.request);
    this.#hold = new SwarmHold(options.tracker, this.#clock);
  }

  get target(): Target {
    return this.#target;
  }

  /** Resolves when all is durable under its name. @throws {PeerError}; `signal.reason` when aborted: what was fetched is kept. */
  async run({ signal }: AbortOptions): Promise<void> {
    try {
      await this.#run(signal);
      this.#setState('done');
    } catch (error) {
      const problem = folderProblem(error, this.#request, this.#target.path);
      this.#settle(problem, signal);
      throw problem;
    } finally {
      this.#hold.end({ keeps: this.#request.keepsSharing === true });
    }
  }

  row(): TransferRow {
    const { request, transferId } = this.#options;
    const bytesPerSecond = this.#state === 'fetching' ? this.#meter.bytesPerSecond : 0;
    const sizeBytes = this.#plan?.bytes ?? request.totalBytes ?? 0;
    const left = sizeBytes - this.#done.bytes;
    return {
      transferId,
      name: nameOf(request),
      owner: request.owner,
      fileId: this.#request.fileId,
      sizeBytes,
      doneBytes: Math.min(sizeBytes, this.#done.bytes),
      receivedBytes: this.#meter.total,
      resumedBytes: this.#done.resumed,
      duplicateBytes: this.#duplicateBytes + (this.#wave?.intake?.duplicateBytes ?? 0),
      bytesPerSecond,
      ...(bytesPerSecond > 0 ? { etaMs: Math.round((left * 1_000) / bytesPerSecond) } : {}),
      sources: this.#settledSources ?? this.#pool?.rows() ?? [],
      state: this.#checking > 0 && this.#state === 'fetching' ? 'checking' : this.#state,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      ...(this.#plan === undefined ? {} : { files: { done: this.#done.files, total: this.#plan.files } }),
      path: this.#target.path,
      ...(this.#unlisted === undefined ? {} : { unlisted: this.#unlisted }),
    };
  }

  /** What others may fetch of it while it runs: the listing, and the files that have come. */
  shared(): SharedFile | undefined {
    return this.#state === 'fetching' ? this.#shared : undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    await this.#options.history.load();
    const there = await this.#lookAtTarget();
    await using staging = await Staging.open(this.#target);
    for (let revisions = 1; ; revisions += 1) {
      const threads = new StageThreads();
      try {
        return await this.#fetchRevision({ staging, threads, there, signal });
      } catch (error) {
        if (!(error instanceof NewRevision) || revisions === MAX_REVISIONS) throw error;
        staging.mayHaveFiles = true;
        this.#follow(error.latest);
      } finally {
        await threads.close();
      }
    }
  }

  /** With `--force` a folder that is there is brought up to date, and a file replaced in the end; anything else stays as it is. */
  async #lookAtTarget(): Promise<'nothing' | 'folder'> {
    const { path } = this.#target;
    const { force } = this.#request;
    await putBack(this.#target);
    const there = await lookAt(path);
    if (there === undefined || (force && there.isFile())) return 'nothing';
    if (force && there.isDirectory()) return 'folder';
    await Staging.clearFinished(this.#target);
    throw inTheWay(path, { isFolder: there.isDirectory(), force });
  }

  async #fetchRevision(work: Work): Promise<void> {
    const { staging, signal } = work;
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const sessions = new OpenSessions();
    const pool = this.#makePool(sessions);
    [this.#pool, this.#settledSources] = [pool, undefined];
    this.#setState('fetching');
    const running = pool.run({ signal: until });
    const fetching = this.#fetchAll({ ...work, signal: until }, sessions);
    let staged: FetchedFolder;
    try {
      staged = await Promise.race([fetching, running.then(() => fetching)]);
    } catch (error) {
      over.abort(error);
      await fetching.catch(() => undefined); // What it was doing is over before its folder is closed.
      throw await this.#outdated(error, signal);
    } finally {
      this.#settledSources = pool.rows();
      over.abort(new DOMException('all files are there', 'AbortError'));
      await running.catch(() => undefined); // It was stopped, or has said above why it stopped.
    }
    this.#setState('finishing');
    await this.#place(staged, work);
    await staging.finish();
  }

  /** Whether the content that nobody has any more is another one now. */
  async #outdated(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof PeerError) || error.code !== 'changed') return error;
    return (await this.#newRevision(signal)) ?? error;
  }

  async #newRevision(signal: AbortSignal): Promise<NewRevision | undefined> {
    const latest = await this.#options.tracker.latest?.(this.#request.publicationId, { signal }).catch(() => undefined);
    signal.throwIfAborted();
    return latest === undefined || latest.fileId === this.#request.fileId ? undefined : new NewRevision(latest);
  }

  #follow({ fileId, size }: NewRevision['latest']): void {
    this.#request = { ...this.#request, fileId, sizeBytes: size };
    [this.#plan, this.#shared] = [undefined, undefined];
    this.#done = { bytes: 0, files: 0, resumed: 0 };
    this.#options.onUpdate();
  }

  async #fetchAll(work: Work, sessions: OpenSessions): Promise<FetchedFolder> {
    const { staging, threads, there, signal } = work;
    const { fileId, sizeBytes, inside } = this.#request;
    const listing = staging.listing(fileId);
    const onCredit = (session: SourceSession, bytes: number): void => this.#pool?.credit(session, bytes);
    const manifest = await fetchListing({
      ...{ folderId: fileId, size: sizeBytes, target: listing },
      ...{ sessions, meter: this.#meter, ownPin: this.#options.ownPin, onCredit, signal },
    });
    const arrived = this.#share({ listing: listing.path, manifest, root: staging.files, threads });
    const reading = { inside: insideOf(inside), platform: currentHost().platform, signal };
    const plan = await this.#atWork(() => FolderPlan.read(listing.path, reading));
    if (plan.isEmpty) throw nothingInside(this.#request);
    this.#plan = plan;
    if (plan.isFile && there === 'folder') throw folderInTheWay(this.#target.path);
    if (plan.bytes > (this.#request.mostBytes ?? plan.bytes)) throw largerThanSaid(this.#request, plan.bytes);
    const local = await this.#readLocal(there, signal);
    const stagedBytes = staging.mayHaveFiles ? await this.#atWork(() => pruneStaged(staging, plan)) : 0;
    const bytes = local?.isTarget === true ? await this.#atWork(() => bytesToCome(plan, local.folder)) : plan.bytes;
    await refuseTooLarge(this.#target, Math.max(0, bytes - stagedBytes));
    const fetched: FetchedFolder = { plan, local, arrived, staged: new Map() };
    const missing: WantedFile[] = [];
    const waves: FolderWave[] = [];
    const fetch = (wanted: readonly Wanted[], isApart: boolean): Promise<void> => {
      const wave = this.#makeWave({ ...work, sessions, fetched, isApart, missing });
      waves.push(wave);
      return wave.run(wanted);
    };
    for await (const wanted of plan.waves()) await fetch(wanted, false);
    await this.#fetchMissing(missing, (some) => fetch(some, true), signal);
    await this.#atWork(() => Promise.all(waves.map((wave) => wave.synced())));
    return fetched;
  }

  /** Needs no source meanwhile: that none sends is no reason to give up. */
  async #atWork<T>(work: () => Promise<T>): Promise<T> {
    this.#checking += 1;
    try {
      return await work();
    } finally {
      this.#checking -= 1;
    }
  }

  /** Other sources may have it, or its publisher is about to publish it as it is now. */
  async #fetchMissing(
    missing: WantedFile[],
    fetch: (files: readonly Wanted[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    for (let tries = 0; missing.length > 0; tries += 1) {
      await this.#atWork(async () => {
        if (tries > 0) await sleep(MISSING_RETRY_MS, { signal, clock: this.#clock });
        const revision = await this.#newRevision(signal);
        if (revision !== undefined) throw revision;
        if (tries === MISSING_TRIES) throw filesMissing(this.#request, missing);
      });
      await fetch(missing.splice(0));
    }
  }

  async #readLocal(there: Work['there'], signal: AbortSignal): Promise<LocalRoot | undefined> {
    const isTarget = there === 'folder';
    const root = isTarget ? this.#target.path : this.#request.reuse;
    if (root === undefined) return undefined;
    const folder = await this.#atWork(() => this.#options.folders.read(root, { signal }));
    return { root, folder, isTarget };
  }

  /** From now on others find us, and get what has come. */
  #share({ listing: path, manifest, root, threads }: ListedFolder): ArrivedFiles {
    const { publicationId, fileId, sizeBytes: size, name } = this.#request;
    const arrived = new ArrivedFiles({ publicationId, name, root, threads });
    if (!this.#options.isSharing) return arrived;
    this.#shared = arrived.behind({ fileId, path, size, manifest });
    void this.#hold.start(publicationId, fileId).then(() => this.#pool?.lookForOthers());
    return arrived;
  }

  #makePool(sessions: OpenSessions): SourcePool {
    const { tracker, connector, ownPin, history, rates, onNotice, onUpdate, clock } = this.#options;
    return new SourcePool({
      // Not the content that was begun, but the present one: what is here of the old one counts for it.
      tracker: {
        sources: (publicationId, { fileId: _, ...wish }) => tracker.sources(publicationId, wish),
        ...{ hold: (...args) => tracker.hold(...args), receipt: async (...args) => tracker.receipt?.(...args) },
      },
      ...{ request: this.#request, connector, ownPin, history, rates, onNotice, onUpdate, clock },
      useSession: async (session: SourceSession, entry: SourceEntry): Promise<void> => {
        sessions.add(session);
        entry.isPreparing = false;
      },
      isWorking: () => this.#checking > 0,
      onListed: () => this.#wave?.intake?.setSwarm(this.#pool?.swarm ?? ALONE),
    });
  }

  #makeWave(work: WaveWork): FolderWave {
    const { staging, threads, sessions, fetched, isApart, missing, signal } = work;
    const { local } = fetched;
    const { writer, ownPin } = this.#options;
    this.#duplicateBytes += this.#wave?.intake?.duplicateBytes ?? 0;
    this.#wave = new FolderWave({
      ...{ staging, threads, writer, sessions, isApart, signal, meter: this.#meter },
      local,
      onCredit: (session, bytes) => this.#pool?.credit(session, bytes),
      onResumed: (bytes) => {
        this.#done.resumed += bytes;
      },
      onWritten: (bytes, files) => {
        this.#done.bytes += bytes;
        this.#done.files += files;
        this.#options.onUpdate();
      },
      onMissing: (file) => missing.push(file),
      arrived: fetched.arrived,
      ...{ ownPin, swarm: () => this.#pool?.swarm ?? ALONE },
      onStaged: (file) => {
        if (local?.isTarget === true) fetched.staged.set(file.to, file.entry.executable);
      },
      onChecking: (by) => {
        this.#checking += by;
        this.#options.onUpdate();
      },
    });
    return this.#wave;
  }

  async #place({ plan, local, staged }: FetchedFolder, { staging, threads }: Work): Promise<void> {
    if (plan.isFile) return placeFile(`${staging.files}/${SINGLE}`, this.#target, this.#request);
    if (local?.isTarget === true) {
      await placeInto(staging.files, this.#target.path, replacements(plan, local.folder, staged));
      // Where only what fits a pattern was asked for, other files mean nothing.
      if (isPattern(this.#request.inside ?? '')) return;
      // All is in place: that this cannot be told must not fail it.
      this.#unlisted = await unlistedFiles(plan, local.folder).catch(() => undefined);
      return;
    }
    const directories = await directoriesOf(plan);
    await threads.call('syncPaths', [staging.files, directories]).catch((error: unknown) => {
      throw fileProblem(this.#target.path, error);
    });
    await placeNew(staging.files, this.#target, this.#request);
  }

  #settle(error: unknown, signal: AbortSignal): void {
    if (isAbort(error, signal)) {
      this.#setState('stopped');
      return;
    }
    const message = `${safeDisplay(this.#request.name)} could not be fetched: ${String(error)}`;
    this.#problem = error instanceof PeerError ? error.problem : { code: 'internal', message };
    this.#setState('failed');
  }

  #setState(state: TransferState): void {
    this.#state = state;
    this.#options.onUpdate();
  }
}

interface Work extends AbortOptions {
  readonly staging: Staging;
  readonly threads: StageThreads;
  readonly there: 'nothing' | 'folder';
}

interface ListedFolder {
  readonly listing: string;
  readonly manifest: Manifest | undefined;
  /** Where the files grow. */
  readonly root: string;
  readonly threads: StageThreads;
}

interface FetchedFolder {
  readonly plan: FolderPlan;
  readonly local: LocalRoot | undefined;
  readonly arrived: ArrivedFiles;
  /** Files that have to be moved there, and whether they are executable. */
  readonly staged: Map<string, boolean>;
}

interface WaveWork extends Work {
  readonly sessions: OpenSessions;
  readonly fetched: FetchedFolder;
  readonly isApart: boolean;
  readonly missing: WantedFile[];
}

function nameOf({ name, inside }: DownloadRequest): string {
  return inside === undefined ? name : `${name}/${inside}`;
}
