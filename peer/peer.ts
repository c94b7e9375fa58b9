/**
 * One logged-in peer: makes the parts, joins them, and is the `Peer` that interfaces see. Every part is a neighbour of its own
 * (tracker client, library, file port, uploads, downloads, links); this file only knows who needs whom and in which order they start.
 */
import { join } from 'node:path';
import type { TrackerEvent } from '../common/protocol/event-messages.js';
import type { SessionGrant } from '../common/protocol/messages.js';
import { type Clock, systemClock } from '../common/runtime/clock.js';
import { ensurePrivateDir } from '../common/runtime/files.js';
import { Lifecycle } from '../common/runtime/lifecycle.js';
import { Pulse } from '../common/runtime/pulse.js';
import { type Identity, loadOrCreateIdentity, parsePin } from '../common/wire/identity.js';
import { type ActivityLog, openActivityLog } from './activity-log.js';
import {
  type CommandInput,
  type CommandName,
  type CommandOptions,
  type CommandResult,
  type Peer,
  PeerError,
  type PeerState,
} from './api.js';
import { type CommandRunners, commandRunners } from './commands.js';
import { type MadeDepot, makeDepot } from './depot/make-depot.js';
import type { StartPeerOptions } from './door/start-peer.js';
import { Downloads } from './download/downloads.js';
import { DownloadFolder } from './download-folder.js';
import { DownloadSources } from './download-sources.js';
import { FileServer } from './file-server.js';
import { FolderParts } from './folder-parts.js';
import { Library } from './library/library.js';
import { Publisher } from './library/publisher.js';
import { logIn } from './log-in.js';
import { ownPresence } from './own-presence.js';
import { ownWords } from './own-words.js';
import { PeerReach } from './peer-reach.js';
import { peerState } from './peer-state.js';
import { PeerRates, type PeerRatesOptions } from './rates/peer-rates.js';
import { defaultListenHost } from './reach/addresses.js';
import { PeerReceipts } from './receipts/peer-receipts.js';
import { RevocationList } from './revocation-list.js';
import { SavedSearches } from './saved-searches.js';
import { SavedSessionFile } from './saved-session-file.js';
import { type OwnState, StateBoard } from './state-board.js';
import { TrackerClient } from './tracker-client/tracker-client.js';
import { joinSharedFiles } from './upload/shared-file.js';

/** Starts a peer and logs it in. @throws {PeerError} as `PeerDoor.open`; everything begun is ended again then. */
export async function startPeer(options: StartPeerOptions, clock: Clock = systemClock): Promise<Peer> {
  const peer = new RunningParts(options, clock);
  try {
    await peer.start();
    return peer;
  } catch (error) {
    await peer.close();
    throw error;
  }
}

const SHUTTING_DOWN = 'The tracker is shutting down. Transfers go on; the rest continues when it is back.';

type Runner<K extends CommandName> = (input: CommandInput<K>, options: CommandOptions) => Promise<CommandResult<K>>;

class RunningParts implements Peer {
  readonly attached = false;
  readonly #options: StartPeerOptions;
  readonly #clock: Clock;
  readonly #lifecycle = new Lifecycle();
  readonly #stopping = new AbortController();
  readonly #board: StateBoard;
  #activity!: ActivityLog;
  #identity!: Identity;
  #tracker!: TrackerClient;
  #receipts!: PeerReceipts;
  #library!: Library;
  #publisher!: Publisher;
  #folders!: FolderParts;
  #downloads!: Downloads;
  #folder!: DownloadFolder;
  #searches!: SavedSearches;
  #rates!: PeerRates;
  #reach!: PeerReach;
  #runners!: CommandRunners;
  /** Of the serving peer: a crash costs no password. */
  #savedSession!: SavedSessionFile;
  /** Of `shoal login`: later commands open sessions beside it. */
  #savedLogin!: SavedSessionFile;
  #fileServer: FileServer | undefined;
  #depot: MadeDepot | undefined;
  readonly #news: Pulse; // of stored copies, from the tracker
  #user: string;

  constructor(options: StartPeerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#user = options.user;
    this.#news = new Pulse(clock);
    this.#board = new StateBoard({ compose: () => this.#compose() }, clock);
  }

  async start(): Promise<void> {
    const { dataDir, stateDir, serving } = this.#options;
    for (const dir of [dataDir, stateDir]) await ensurePrivateDir(dir);
    await this.#openLog();
    this.#identity = await loadOrCreateIdentity(join(stateDir, 'device.pem'), { commonName: 'shoal peer' });
    this.#savedSession = new SavedSessionFile(join(stateDir, 'session.json'));
    this.#savedLogin = new SavedSessionFile(join(stateDir, 'login.json'));
    this.#library = new Library(join(stateDir, 'library.sqlite'));
    this.#lifecycle.defer(() => this.#library.close());
    this.#lifecycle.defer(() => this.#board.close());
    this.#makeTracker();
    const revocations = new RevocationList(this.#tracker, () => this.#fileServer?.recheck());
    if (serving) this.#onEpoch = (epoch) => revocations.told(epoch, this.#stopping);
    this.#makePublisher();
    await this.#openRates();
    if (serving) await this.#listen(revocations);
    this.#makeReach();
    this.#makeDownloads();
    await Promise.all([this.#folder.load(), this.#searches.load()]);
    if (serving) await this.#makeDepot();
    const [tracker, savedSession, savedLogin] = [this.#tracker, this.#savedSession, this.#savedLogin];
    const parts = { tracker, savedSession, savedLogin, clock: this.#clock };
    await logIn(parts, this.#options, AbortSignal.any([this.#options.signal, this.#stopping.signal]));
    this.#tracker.start();
    this.#fileServer?.openTickets(this.#tracker.trackerSpki);
    if (serving) await this.#downloads.resumeSaved().then(() => this.#folders.watch(this.#library, this.#publisher));
  }

  #onEpoch: (epoch: number) => void = () => undefined;

  state(): PeerState {
    return this.#board.state();
  }

  onState(listener: (state: PeerState) => void): () => void {
    return this.#board.onState(listener);
  }

  async call<K extends CommandName>(
    name: K,
    input: CommandInput<K>,
    options: CommandOptions,
  ): Promise<CommandResult<K>> {
    const signal = AbortSignal.any([options.signal, this.#stopping.signal]);
    const run = this.#runner(name);
    this.#tracker.hurry();
    return this.#activity.command(name, input, () => run(input, { ...options, signal }));
  }

  async close(): Promise<void> {
    this.#downloads?.park();
    this.#stopping.abort(new PeerError({ code: 'interrupted', message: 'The peer is ending.' }));
    await this.#lifecycle.stop();
  }

  #runner<K extends CommandName>(name: K): Runner<K> {
    const own = ownWords({
      state: () => this.state(),
      user: this.#user,
      trackerAddress: this.#tracker.address,
      devicePin: this.#identity.pin,
      logOut: () => this.#logOut(),
      close: () => this.close(),
    });
    const runners = { ...own, ...this.#runners } as Record<string, unknown>;
    const run = runners[name];
    if (typeof run === 'function') return run as Runner<K>;
    throw new PeerError({ code: 'not-yet', message: `${name} is not in this version yet.` });
  }

  /** Also the session that `shoal login` left: a one-shot command has only a fork of it. */
  async #logOut(): Promise<Record<string, never>> {
    const saved = this.#options.serving ? undefined : await this.#savedLogin.read();
    if (saved !== undefined) await this.#tracker.resume(saved, { fork: false, signal: this.#stopping.signal });
    await this.#savedLogin.remove();
    await this.close();
    return {};
  }

  /** `shoal login` leaves its session for later commands; every other end is told to the tracker, so that nobody waits for us. */
  async #leave(): Promise<void> {
    await this.#tracker.stop({ logout: !this.#options.keepSession });
    // Without a session of ours the saved one is that of a run that crashed: whoever comes next may need it.
    if (this.#options.serving && this.#tracker.savedSession !== undefined) await this.#savedSession.remove();
  }

  async #openLog(): Promise<void> {
    const onProblem = (error: Error): void =>
      this.#board.notice('warning', `The log cannot be written: ${error.message}`);
    this.#activity = await openActivityLog(this.#options.settings, { clock: this.#clock, onProblem });
    this.#lifecycle.defer(() => this.#activity.close());
  }

  #notice(level: 'info' | 'warning' | 'error', text: string): void {
    this.#board.notice(level, text);
    this.#activity.event(level, text);
  }

  #makeTracker(): void {
    const { tracker, settings } = this.#options;
    const { advertise, pqOnly = false } = settings;
    this.#tracker = new TrackerClient({
      host: tracker.host,
      port: tracker.port,
      pin: parsePin(tracker.pin),
      device: this.#identity,
      clock: this.#clock,
      pqOnly,
      presence: () => ownPresence({ library: this.#library, fileServer: this.#fileServer, advertise }),
      onGrant: (grant) => this.#granted(grant),
      onState: (state) => {
        if (state.kind === 'online') this.#downloads?.hope();
        if (state.kind === 'ended') this.#notice('error', state.problem.message);
        this.#board.touch();
      },
      onEvent: (event) => this.#tellEvent(event),
      onEpoch: (epoch) => this.#onEpoch(epoch),
    });
    this.#lifecycle.defer(() => this.#leave());
    this.#receipts = this.#lifecycle.add(new PeerReceipts(this.#tracker, this.#identity, this.#clock));
  }

  #tellEvent(event: TrackerEvent): void {
    if (event.event === 'copies') this.#news.beat();
    if (event.event === 'copies') this.#depot?.depot.told();
    if (event.event === 'library') this.#publisher.syncSoon('all', this.#stopping);
    if (event.event === 'revoked') this.#onEpoch(event.epoch);
    if (event.event === 'reach') this.#reach.told(event);
    if (event.event === 'match') this.#searches.matched(event, this.#stopping);
    if (event.event === 'shutting-down') this.#board.notice('warning', SHUTTING_DOWN);
  }

  #makePublisher(): void {
    this.#folders = new FolderParts(this.#options.stateDir, this.#clock, this.#lifecycle);
    this.#publisher = new Publisher({
      library: this.#library,
      ...this.#folders.readers,
      tracker: this.#tracker,
      user: () => this.#user,
      now: () => this.#clock.now(),
      onHashing: (path, doneBytes, sizeBytes) => this.#board.hashing(path, doneBytes, sizeBytes),
      notice: (level, text) => this.#notice(level, text),
      onChanged: () => this.#folders.update(),
      clock: this.#clock,
    });
  }

  async #openRates(): Promise<void> {
    const { uploadLimit, downloadLimit } = this.#options.settings;
    const onSent: PeerRatesOptions['onSent'] = (limits) => {
      this.#fileServer?.setLimits(limits);
      this.#board.touch();
    };
    const options = { uploadLimit, downloadLimit, stateDir: this.#options.stateDir, onSent, clock: this.#clock };
    this.#rates = this.#lifecycle.add(await PeerRates.open(options));
  }

  async #listen(revocations: RevocationList): Promise<void> {
    const { stateDir, tracker, settings } = this.#options;
    const { host = defaultListenHost(tracker.host), port = 0 } = settings;
    this.#fileServer = this.#lifecycle.add(
      await FileServer.listen({
        ...{ identity: this.#identity, host, port, stateDir },
        uploadLimits: () => this.#rates.sent,
        log: this.#activity,
        receipts: this.#receipts.served,
        library: this.#library,
        folders: this.#folders.index,
        ...{ revocations, clock: this.#clock },
        trackerNow: () => this.#tracker.trackerNow(),
        downloads: () => joinSharedFiles(...(this.#depot ? [this.#depot.shared] : []), this.#downloads.shared),
        onBack: (connection, token) => this.#reach.awaited.take(connection, token),
        onChanged: (publicationId) => {
          this.#depot?.depot.suspect(publicationId);
          return this.#publisher.refresh(publicationId, this.#stopping);
        },
        onUpdate: () => this.#board.touch(),
      }),
    );
  }

  #makeReach(): void {
    const { pin: trackerPin } = this.#options.tracker;
    const parts = { identity: this.#identity, clock: this.#clock, tracker: this.#tracker, trackerPin };
    const others = { observedHost: () => this.#observedHost, fileServer: () => this.#fileServer };
    this.#reach = this.#lifecycle.add(new PeerReach({ ...parts, ...others }));
  }

  #makeDownloads(): void {
    const { serving, stateDir } = this.#options;
    const sources = new DownloadSources(this.#tracker, () => this.#observedHost, this.#receipts.fetched);
    this.#downloads = this.#lifecycle.add(
      new Downloads({
        tracker: sources,
        ownPin: this.#identity.pin,
        isSharing: serving,
        rates: this.#rates.received,
        maxRunning: this.#options.settings.maxDownloads,
        ...{ clock: this.#clock, historyDir: stateDir, ...(serving ? { stateDir } : {}) },
        folders: this.#folders.local,
        connector: this.#reach.connector,
        onRest: () => this.#searches.rested(this.#stopping),
        onNotice: (level, text) => this.#notice(level, text),
        onUpdate: () => this.#board.touch(),
      }),
    );
    this.#makeSearches();
    this.#runners = commandRunners({
      tracker: this.#tracker,
      publisher: this.#publisher,
      library: this.#library,
      downloads: this.#downloads,
      sources,
      folder: this.#folder,
      searches: this.#searches,
      limits: this.#rates.limits,
      put: this.#fileServer && {
        tracker: this.#tracker,
        publisher: this.#publisher,
        news: this.#news,
        uploads: () => this.#fileServer?.rows() ?? [],
        onStoring: (...row) => this.#board.storing(...row),
        clock: this.#clock,
      },
      links: this.#fileServer?.linkMaker((port) => this.#reachedAt(port)),
      isOwn: (devicePin) => devicePin === this.#identity.pin,
      user: () => this.#user,
    });
  }

  #makeSearches(): void {
    const { serving, stateDir, downloads, settings } = this.#options;
    this.#folder = new DownloadFolder({ stateDir, configured: settings.downloads, usual: downloads });
    const searches = new SavedSearches({
      tracker: this.#tracker,
      stateDir,
      isServing: serving,
      notice: (level, text) => this.#notice(level, text),
      waiting: this.#downloads,
      fetch: (selector, directory) => this.call('get', { selector, directory }, this.#stopping),
    });
    this.#searches = this.#lifecycle.add(searches);
  }

  async #makeDepot(): Promise<void> {
    const { stateDir, settings } = this.#options;
    if (settings.depot === undefined) return;
    this.#depot = await makeDepot(this.#lifecycle, {
      dir: join(stateDir, 'depot'),
      capacity: settings.depot,
      maxRunning: settings.maxDownloads,
      tracker: this.#tracker,
      observedHost: () => this.#observedHost,
      receipts: this.#receipts.fetched,
      ownPin: this.#identity.pin,
      connector: this.#reach.connector,
      hasher: this.#folders.hasher,
      rates: this.#rates.received,
      clock: this.#clock,
      notice: (level, text) => this.#notice(level, text),
      onUpdate: () => this.#board.touch(),
    });
  }

  #granted(grant: SessionGrant): void {
    this.#user = grant.user;
    // Its count never falls: this tracker was put back to an older day, and may show everybody what was limited since.
    if (grant.libraryRevision < this.#library.revision) this.#library.wishKnown();
    if (!this.#options.serving) return;
    this.#searches.online(this.#stopping);
    if (this.#tracker.savedSession !== undefined) void this.#savedSession.write(this.#tracker.savedSession);
    this.#news.beat();
    this.#depot?.depot.loggedIn();
    if (!grant.live) this.#publisher.syncSoon('all', this.#stopping);
    else if (this.#library.hasUnsettled()) this.#publisher.syncSoon('unsettled', this.#stopping);
  }

  /** Where the tracker sees us; before the first login we have asked for nothing yet. */
  get #observedHost(): string {
    return this.#tracker.observedHost ?? '127.0.0.1';
  }

  #reachedAt(port: number): { host: string; port: number; pin: string } {
    return { host: this.#options.settings.advertise ?? this.#observedHost, port, pin: this.#identity.pin };
  }

  #compose(): Omit<PeerState, OwnState> {
    return peerState({
      place: this.#options.tracker,
      user: this.#user,
      tracker: this.#tracker,
      fileServer: this.#fileServer,
      ownPin: () => this.#identity.pin,
      ...{ downloads: [this.#downloads, this.#depot?.downloads], rates: this.#rates },
    });
  }
}
