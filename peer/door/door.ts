/**
 * How every interface comes to a peer: which tracker identity is trusted, whether the user's peer runs already, and if not, that only one
 * is started. It owns the places in the data folder: `trust.json`, `<pin>/<user>` with its lock, and the local socket. It knows nothing
 * of the tracker's protocol: the peer and the contact with the tracker are given to it.
 */
import { join } from 'node:path';
import { checkUserName } from '../../common/content/file-name.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { sleep, withDeadline } from '../../common/runtime/deadline.js';
import { ownCommand } from '../../common/runtime/own-command.js';
import {
  type CallOptions,
  type OpenOptions,
  type Peer,
  type PeerDoor,
  PeerError,
  type PeerProblem,
  type TrackerContact,
} from '../api.js';
import { attachLocal } from '../daemon/attached-peer.js';
import { localSocketPath } from '../daemon/local-path.js';
import type { ContactTracker, PeerSettings, StartPeer, StartPeerOptions } from './start-peer.js';
import { parsePin, parseTrackerAddress, type TrackerAddress } from './tracker-address.js';
import { TrustFile } from './trust-file.js';

export interface DoorOptions {
  /** The installation's folder. */
  readonly dataDir: string;
  readonly platform: NodeJS.Platform;
  /** Where downloads go that name no folder; absolute. */
  readonly downloads: string;
  readonly startPeer: StartPeer;
  readonly contactTracker: ContactTracker;
  /** Pin an unknown tracker without asking. Default: no. */
  readonly trustOnFirstUse?: boolean;
  readonly settings?: PeerSettings;
  /**
   * What a saved session is for when a password is given too: `first`, it spares the login (default, for programs that come back by
   * themselves); `last`, the password must be right, and the session only takes over what a crash left active.
   */
  readonly savedSession?: 'first' | 'last';
  readonly clock?: Clock;
}

/** Another process of this user may be on its way to the same place: how often, and how long, to look again. */
const RETRY_MS = 25;
const STARTING_TIMEOUT_MS = 10_000;

/** Pause in ms between two looks for a tracker that is not there yet, when its identity is still unknown. */
const CONTACT_RETRY_MS = 1_000;

/** Refusals that only the tracker itself can have sent, over a connection on which its pin was checked. */
const ANSWERS_OF_A_TRACKER: ReadonlySet<PeerProblem['code']> = new Set(['login-failed', 'already-active']);

/** Opens the way to a peer. Everything is looked up anew at each call. */
export function createDoor(options: DoorOptions): Door {
  return new Door(options);
}

export class Door implements PeerDoor {
  readonly #trust: TrustFile;
  readonly #clock: Clock;

  constructor(private readonly options: DoorOptions) {
    this.#trust = new TrustFile(options.dataDir);
    this.#clock = options.clock ?? systemClock;
  }

  async contact(tracker: string, { signal }: CallOptions): Promise<TrackerContact> {
    const { host, port, address } = parseTrackerAddress(tracker);
    const { pin } = await this.options.contactTracker(host, port, { signal });
    const pinnedBefore = await this.#trust.pinOf(address);
    if (pinnedBefore === undefined) return { address, pin, trust: 'new' };
    return pinnedBefore === pin ? { address, pin, trust: 'pinned' } : { address, pin, trust: 'changed', pinnedBefore };
  }

  async trust(tracker: string, pin: string): Promise<void> {
    await this.#trust.set(parseTrackerAddress(tracker).address, parsePin(pin));
  }

  /** The user's running peer, or `undefined` when none runs. Sends nothing to the tracker. @throws {PeerError} */
  async attach(tracker: string, user: string, { signal }: CallOptions): Promise<Peer | undefined> {
    const address = parseTrackerAddress(tracker);
    requireUserName(user);
    const pin = (await this.#knownPin(address)) ?? address.pin;
    return pin === undefined ? undefined : this.#attach(pin, user, signal);
  }

  async open(options: OpenOptions): Promise<Peer> {
    const address = parseTrackerAddress(options.tracker);
    requireUserName(options.user);
    const known = await this.#knownPin(address);
    if (known === undefined && address.pin !== undefined) return this.#openTyped(address, address.pin, options);
    const pin = known ?? (await this.#firstContact(address, options));
    return this.#openAs(address, pin, options);
  }

  #openAs(address: TrackerAddress, pin: string, options: OpenOptions): Promise<Peer> {
    return options.serving ? this.#openServing(address, pin, options) : this.#openOnce(address, pin, options);
  }

  /** A typed pin goes on record once the tracker has proved it: a mistyped one would make the real tracker look like a fraud. */
  async #openTyped(address: TrackerAddress, pin: string, options: OpenOptions): Promise<Peer> {
    try {
      const peer = await this.#openAs(address, pin, options);
      await this.#trust.set(address.address, pin);
      return peer;
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      if (ANSWERS_OF_A_TRACKER.has(error.code)) await this.#trust.set(address.address, pin);
      if (error.code === 'pin-changed') throw mistyped(address.address, pin, error);
      throw error;
    }
  }

  /** The pin on record. @throws {PeerError} `pin-changed` when the address has another one. */
  async #knownPin({ address, pin }: TrackerAddress): Promise<string | undefined> {
    const known = await this.#trust.pinOf(address);
    if (pin !== undefined && known !== undefined && pin !== known) throw new PeerError(pinChanged(address, pin, known));
    return known;
  }

  async #firstContact(address: TrackerAddress, options: OpenOptions): Promise<string> {
    const pin = await this.#learnPin(address, options);
    if (this.options.trustOnFirstUse !== true) throw new PeerError(untrusted(address.address, pin));
    await this.#trust.set(address.address, pin);
    return pin;
  }

  async #learnPin({ host, port }: TrackerAddress, { signal, wait, onWaiting }: OpenOptions): Promise<string> {
    for (;;) {
      try {
        return (await this.options.contactTracker(host, port, { signal })).pin;
      } catch (error) {
        const isAway = error instanceof PeerError && error.code === 'tracker-unreachable';
        if (!isAway || wait !== true) throw error;
        onWaiting?.(error.problem);
        await sleep(CONTACT_RETRY_MS, { signal, clock: this.#clock });
      }
    }
  }

  async #openOnce(address: TrackerAddress, pin: string, options: OpenOptions): Promise<Peer> {
    const running = await this.#attach(pin, options.user, options.signal);
    // Its end logs out the session it uses: with a password it uses one of its own.
    return (
      running ??
      this.options.startPeer(
        this.#startOptions(address, pin, { ...options, resumeSaved: options.password === undefined }),
      )
    );
  }

  /** Attach, or take the lock and start. Of two that come at once the loser finds neither until the winner has its socket open. */
  async #openServing(address: TrackerAddress, pin: string, options: OpenOptions): Promise<Peer> {
    using deadline =
      options.wait === true
        ? { signal: options.signal, [Symbol.dispose]: () => undefined }
        : withDeadline(options.signal, STARTING_TIMEOUT_MS, this.#clock);
    for (;;) {
      const running = await this.#attach(pin, options.user, options.signal);
      if (running !== undefined) return running;
      const lock = await this.#tryLock(pin, options.user);
      if (lock !== undefined)
        return this.#start(
          lock,
          this.#startOptions(address, pin, { ...options, resumeSaved: this.#resumesFirst(options) }),
        );
      if (deadline.signal.aborted) throw this.#lateError(options);
      await sleep(RETRY_MS, { signal: options.signal, clock: this.#clock });
    }
  }

  #resumesFirst({ password }: OpenOptions): boolean {
    return password === undefined || this.options.savedSession !== 'last';
  }

  #lateError({ user, signal }: OpenOptions): PeerError {
    signal.throwIfAborted();
    return new PeerError({
      code: 'in-use',
      message: `Another peer of ${user} is starting, or waiting for its tracker. Try again when it is ready, or end it.`,
    });
  }

  async #tryLock(pin: string, user: string): Promise<Disposable | undefined> {
    const [{ tryLockState }, stateDir] = [await import('./state-lock.js'), this.#stateDir(pin, user)];
    return tryLockState(this.options.dataDir, stateDir);
  }

  /** On any failure everything that was taken is given back. */
  async #start(lock: Disposable, options: StartPeerOptions): Promise<Peer> {
    const [{ RunningPeer }, { serveLocal }] = await Promise.all([
      import('./running-peer.js'),
      import('../daemon/local-server.js'),
    ]);
    await using undo = new AsyncDisposableStack();
    undo.use(lock);
    const peer = await this.#startServing(options);
    undo.defer(() => peer.close());
    const running = new RunningPeer({ peer, lock });
    running.opened(
      await serveLocal(running, this.#socketPath(options.tracker.pin, options.user), { clock: this.#clock }),
    );
    undo.move(); // from here on `close()` of the running peer does it
    return running;
  }

  /** The tracker says `already-active` only to a right password, so the session of a crashed run may be taken over then. */
  async #startServing(options: StartPeerOptions): Promise<Peer> {
    try {
      return await this.options.startPeer(options);
    } catch (error) {
      if (options.resumeSaved || !(error instanceof PeerError) || error.code !== 'already-active') throw error;
      return this.options.startPeer({ ...options, resumeSaved: true });
    }
  }

  #attach(pin: string, user: string, signal: AbortSignal): Promise<Peer | undefined> {
    return attachLocal(this.#socketPath(pin, user), { signal, clock: this.#clock });
  }

  #startOptions(
    { host, port }: TrackerAddress,
    pin: string,
    open: OpenOptions & { readonly resumeSaved: boolean },
  ): StartPeerOptions {
    const { dataDir, downloads, settings = {} } = this.options;
    return {
      dataDir,
      stateDir: this.#stateDir(pin, open.user),
      tracker: { host, port, pin },
      user: open.user,
      serving: open.serving,
      keepSession: open.keepSession === true,
      settings,
      wait: open.wait === true,
      onWaiting: open.onWaiting ?? (() => undefined),
      downloads,
      resumeSaved: open.resumeSaved,
      signal: open.signal,
      ...(open.password === undefined ? {} : { password: open.password }),
    };
  }

  #stateDir(pin: string, user: string): string {
    return join(this.options.dataDir, pin.replace(/^sha256:/, ''), user.toLowerCase());
  }

  #socketPath(pin: string, user: string): string {
    return localSocketPath({ dataDir: this.options.dataDir, pin, user }, this.options.platform);
  }
}

/** A user name becomes a folder: anything else could lead out of the data folder. */
function requireUserName(user: string): void {
  const problem = checkUserName(user);
  if (problem !== undefined) throw new PeerError({ code: 'usage', message: problem.message });
}

function untrusted(address: string, pin: string): PeerProblem {
  return {
    code: 'untrusted-tracker',
    pin,
    message:
      `The tracker ${address} is not known here yet. Its identity is ${pin}. If its administrator confirms that, trust it with: ` +
      ownCommand(`trust add '${address}#${pin}'`),
  };
}

function mistyped(address: string, pin: string, cause: PeerError): PeerError {
  const found = cause.problem.pin ?? 'unknown';
  const message =
    `The tracker ${address} has another fingerprint than the one you gave, so nothing was sent. Given: ${pin}; ` +
    `it shows: ${found}. Check what its administrator gave you: a typing mistake, or another tracker at this address.`;
  return new PeerError({ code: 'untrusted-tracker', message }, { cause });
}

/** Loud, and with a way out that nobody takes by accident. */
function pinChanged(address: string, pin: string, known: string): PeerProblem {
  return {
    code: 'pin-changed',
    pin,
    message:
      `THE IDENTITY OF THE TRACKER ${address} IS NOT THE ONE ON RECORD: somebody may be in between. Nothing was sent. On record: ${known}; ` +
      `now: ${pin}. Only if its administrator confirms the new one: ${ownCommand(`trust forget ${address}`)}, then ${ownCommand(`trust add '${address}#${pin}'`)}`,
  };
}
