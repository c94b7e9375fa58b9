/**
 * One logged-in peer: makes the parts, joins them, and is the `Peer` that interfaces see. Every part is a neighbour of its own
 * (tracker client, library, file port, uploads, downloads, links); this file only knows who needs whom and in which order they start.
 */
import { join } from 'node:path';
import type { SessionGrant, TrackerEvent } from '../common/protocol/messages.js';
import { type Clock, systemClock } from '../common/runtime/clock.js';
import { ensurePrivateDir } from '../common/runtime/files.js';
import { Lifecycle } from '../common/runtime/lifecycle.js';
import { openLog } from '../common/runtime/log.js';
import { formatPin, type Identity, loadOrCreateIdentity, parsePin } from '../common/wire/identity.js';
import { ActivityLog } from './activity-log.js';
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
import type { StartPeerOptions } from './door/start-peer.js';
import { Downloads } from './download/downloads.js';
import { DownloadFolder } from './download-folder.js';
import { DownloadSources } from './download-sources.js';
import { dialPeer } from './file-port/dial-peer.js';
import { FileServer } from './file-server.js';
import { FileHasher } from './library/hashing/hash-file.js';
import { Library } from './library/library.js';
import { Publisher } from './library/publisher.js';
import { logIn } from './log-in.js';
import { PeerRates, type PeerRatesOptions } from './rates/peer-rates.js';
import { defaultListenHost, lanAddresses, resolveDialable } from './reach/addresses.js';
import { RevocationList } from './revocation-list.js';
import { SavedSearches } from './saved-searches.js';
import { SavedSessionFile } from './saved-session-file.js';
import { StateBoard } from './state-board.js';
import type { Presence } from './tracker-client/session-keys.js';
import { TrackerClient } from './tracker-client/tracker-client.js';

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
  #library!: Library;
  #publisher!: Publisher;
  #downloads!: Downloads;
  #folder!: DownloadFolder;
  #searches!: SavedSearches;
  #rates!: PeerRates;
  #runners!: CommandRunners;
  /** Of the serving peer: a crash costs no password. */
  #savedSession!: SavedSessionFile;
  /** Of `shoal login`: later commands open sessions beside it. */
  #savedLogin!: SavedSessionFile;
  #fileServer: FileServer | undefined;
  #user: string;
  #syncing: Promise<void> | undefined;

  constructor(options: StartPeerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#user = options.user;
    this.#board = new StateBoard({ compose: () => this.#compose() }, clock);
  }

  async start(): Promise<void> {
    const { dataDir, stateDir, serving } = this.#options;
    await ensurePrivateDir(dataDir);
    await ensurePrivateDir(stateDir);
    await this.#openLog();
    this.#identity = await loadOrCreateIdentity(join(stateDir, 'device.pem'), { commonName: 'shoal peer' });
    this.#savedSession = new SavedSessionFile(join(stateDir, 'session.json'));
    this.#savedLogin = new SavedSessionFile(join(stateDir, 'login.json'));
    this.#library = new Library(join(stateDir, 'library.sqlite'));
    this.#lifecycle.defer(() => this.#library.close());
    this.#lifecycle.defer(() => this.#board.close());
    this.#makeTracker();
    const revocations = new RevocationList(this.#tracker, () => this.#fileServer?.recheck());
    this.#onEpoch = (epoch) => {
      if (serving) revocations.told(epoch, this.#stopping);
    };
    this.#makePublisher();
    await this.#openRates();
    if (serving) await this.#listen(revocations);
    this.#makeDownloads();
    await Promise.all([this.#folder.load(), this.#searches.load()]);
    const parts = {
      tracker: this.#tracker,
      savedSession: this.#savedSession,
      savedLogin: this.#savedLogin,
      clock: this.#clock,
    };
    await logIn(parts, this.#options, AbortSignal.any([this.#options.signal, this.#stopping.signal]));
    this.#tracker.start();
    this.#fileServer?.openTickets(this.#tracker.trackerSpki);
    if (serving) await this.#downloads.resumeSaved();
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

  #runner<K extends CommandName>(
    name: K,
  ): (input: CommandInput<K>, options: CommandOptions) => Promise<CommandResult<K>> {
    const own: { readonly [W in 'status' | 'whoami' | 'logout' | 'xit']: () => Promise<CommandResult<W>> } = {
      status: async () => this.state(),
      whoami: async () => ({
        user: this.#user,
        tracker: this.#tracker.address,
        devicePin: formatPin(this.#identity.pin),
      }),
      logout: async () => this.#logOut(),
      xit: async () => {
        await this.close();
        return {};
      },
    };
    const runners = { ...own, ...this.#runners } as Record<string, unknown>;
    const run = runners[name];
    if (typeof run === 'function')
      return run as (input: CommandInput<K>, options: CommandOptions) => Promise<CommandResult<K>>;
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
    const { logFile, logLevel = 'silent' } = this.#options.settings;
    const level = logFile !== undefined && logLevel === 'silent' ? 'info' : logLevel;
    const onProblem = (error: Error): void =>
      this.#board.notice('warning', `The log cannot be written: ${error.message}`);
    const log = await openLog({ level, file: logFile, onProblem, clock: this.#clock });
    this.#lifecycle.defer(() => log[Symbol.dispose]());
    this.#activity = new ActivityLog(log, this.#clock);
  }

  #notice(level: 'info' | 'warning' | 'error', text: string): void {
    this.#board.notice(level, text);
    this.#activity.event(level, text);
  }

  #makeTracker(): void {
    const { tracker } = this.#options;
    this.#tracker = new TrackerClient({
      host: tracker.host,
      port: tracker.port,
      pin: parsePin(tracker.pin),
      device: this.#identity,
      clock: this.#clock,
      pqOnly: this.#options.settings.pqOnly ?? false,
      presence: () => this.#presence(),
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
  }

  #tellEvent(event: TrackerEvent): void {
    if (event.event === 'revoked') this.#onEpoch(event.epoch);
    if (event.event === 'match') this.#searches.matched(event, this.#stopping);
    if (event.event === 'shutting-down') this.#board.notice('warning', SHUTTING_DOWN);
  }

  #makePublisher(): void {
    const hasher = new FileHasher({ clock: this.#clock });
    this.#lifecycle.defer(() => hasher.close());
    this.#publisher = new Publisher({
      library: this.#library,
      hasher,
      tracker: this.#tracker,
      user: () => this.#user,
      now: () => this.#clock.now(),
      onHashing: (path, doneBytes, sizeBytes) => this.#board.hashing(path, doneBytes, sizeBytes),
      notice: (level, text) => this.#notice(level, text),
    });
  }

  async #openRates(): Promise<void> {
    const { stateDir, settings } = this.#options;
    const { uploadLimit, downloadLimit } = settings;
    const onSent: PeerRatesOptions['onSent'] = (limits) => {
      this.#fileServer?.setLimits(limits);
      this.#board.touch();
    };
    const options = { uploadLimit, downloadLimit, stateDir, onSent, clock: this.#clock };
    this.#rates = this.#lifecycle.add(await PeerRates.open(options));
  }

  async #listen(revocations: RevocationList): Promise<void> {
    const { stateDir, tracker, settings } = this.#options;
    const { host = defaultListenHost(tracker.host), port = 0 } = settings;
    this.#fileServer = this.#lifecycle.add(
      await FileServer.listen({
        identity: this.#identity,
        host,
        port,
        stateDir,
        uploadLimits: () => this.#rates.sent,
        log: this.#activity,
        library: this.#library,
        revocations,
        clock: this.#clock,
        trackerNow: () => this.#tracker.trackerNow(),
        downloads: () => this.#downloads.shared,
        onChanged: (publicationId) => {
          void this.#publisher.refresh(publicationId, this.#stopping);
        },
        onUpdate: () => this.#board.touch(),
      }),
    );
  }

  #makeDownloads(): void {
    const { serving, stateDir } = this.#options;
    const sources = new DownloadSources(this.#tracker, () => this.#observedHost);
    this.#downloads = this.#lifecycle.add(
      new Downloads({
        tracker: sources,
        ownPin: this.#identity.pin,
        isSharing: serving,
        rates: this.#rates.received,
        maxRunning: this.#options.settings.maxDownloads,
        clock: this.#clock,
        ...(serving ? { stateDir } : {}),
        historyDir: stateDir,
        dial: async ({ host, port }, pin, { signal }) => {
          const address = await resolveDialable(host, this.#observedHost);
          return dialPeer({ host: address, port, pin, identity: this.#identity, clock: this.#clock }, { signal });
        },
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
      links: this.#fileServer?.linkMaker((port) => this.#reachedAt(port)),
      isOwn: (devicePin) => devicePin === this.#identity.pin,
      user: () => this.#user,
    });
  }

  #makeSearches(): void {
    const { serving, stateDir, downloads, settings } = this.#options;
    this.#folder = new DownloadFolder({ stateDir, configured: settings.downloads, usual: downloads });
    this.#searches = new SavedSearches({
      tracker: this.#tracker,
      stateDir,
      isServing: serving,
      notice: (level, text) => this.#notice(level, text),
      fetch: (selector, directory) => this.call('get', { selector, directory }, this.#stopping),
    });
    this.#lifecycle.add(this.#searches);
  }

  #granted(grant: SessionGrant): void {
    this.#user = grant.user;
    if (!this.#options.serving) return;
    this.#searches.online(this.#stopping);
    if (this.#tracker.savedSession !== undefined) void this.#savedSession.write(this.#tracker.savedSession);
    if (grant.live && !this.#library.hasUnsettled()) return;
    this.#syncing ??= this.#publisher
      .sync(this.#stopping)
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted)
          this.#board.notice(
            'warning',
            `The tracker could not be told of the library: ${error instanceof Error ? error.message : String(error)}`,
          );
      })
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  #presence(): Presence {
    const { serving, settings } = this.#options;
    const { advertise } = settings;
    // With something unsettled the revisions must not seem equal: the deltas would be skipped.
    const libraryRevision = this.#library.hasUnsettled() ? 0 : this.#library.revision;
    if (!serving || this.#fileServer === undefined) return { serving: false, libraryRevision };
    const lan = this.#fileServer.isLocalOnly ? [] : lanAddresses();
    return {
      serving,
      filePort: this.#fileServer.port,
      lan,
      libraryRevision,
      ...(advertise === undefined ? {} : { advertise }),
    };
  }

  /** Where the tracker sees us; before the first login we have asked for nothing yet. */
  get #observedHost(): string {
    return this.#tracker.observedHost ?? '127.0.0.1';
  }

  #reachedAt(port: number): { host: string; port: number; pin: string } {
    return { host: this.#options.settings.advertise ?? this.#observedHost, port, pin: this.#identity.pin };
  }

  #compose(): Omit<PeerState, 'notices' | 'hashing'> {
    const { tracker } = this.#options;
    const filePort = this.#fileServer && {
      host: this.#fileServer.host,
      port: this.#fileServer.port,
      pin: formatPin(this.#identity.pin),
    };
    return {
      tracker: {
        address: this.#tracker?.address ?? `${tracker.host}:${tracker.port}`,
        pin: formatPin(parsePin(tracker.pin)),
      },
      user: this.#user,
      connection: this.#tracker?.state ?? { kind: 'connecting' },
      ...(filePort === undefined ? {} : { filePort }),
      receivedBytesPerSecond: this.#downloads?.bytesPerSecond ?? 0,
      sentBytesPerSecond: this.#fileServer?.bytesPerSecond ?? 0,
      ...this.#rates?.shown,
      downloads: this.#downloads?.rows() ?? [],
      uploads: this.#fileServer?.rows() ?? [],
    };
  }
}
