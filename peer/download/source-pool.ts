/**
 * All sources of one download: asks the tracker who they are, again and again, keeps a session with each that works, remembers how each
 * behaved, and says when there is no hope left. What a session fetches is the download's business (`useSession`).
 */
import { chunkSizeFor } from '../../common/content/chunk-size.js';
import { safeDisplay } from '../../common/content/safe-display.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { Pulse } from '../../common/runtime/pulse.js';
import { PeerError, type PeerErrorCode, type TransferSource } from '../api.js';
import type { Connector } from './connector.js';
import type { DownloadRates } from './download-rates.js';
import type { DownloadRequest } from './download-request.js';
import { DownloadTickets } from './download-tickets.js';
import type { DownloadTracker, SourcesOfPublication } from './download-tracker.js';
import { bringersOf, type Swarm, turnFor } from './fellows.js';
import { sourcesAtOnce } from './memory-budget.js';
import { hopelessProblem, trackerProblem } from './pool-problems.js';
import { SourceEntry } from './source-entry.js';
import { dialFault, SourceFault } from './source-fault.js';
import type { SourceHistory } from './source-history.js';
import { SourceSession } from './source-session.js';

/** So long nothing may be in sight before a download fails, ms. */
const NO_SOURCE_MS = 18_000;
/** Where all have lied, or have not what they published, somebody else may be about to come, ms. */
const ONLY_LIARS_MS = 3_000;
/** The tracker is asked for sources so often, ms: while none sends, and while some do; sooner when others may just have come. */
const SEEK_EVERY_MS = 2_000;
const LOOK_EVERY_MS = 10_000;
const FIRST_LOOK_MS = 250;
/** To read its file again a source may take a moment, ms, and as long as a slow disk does, bytes a second. */
const CHECKING_MS = 60_000;
const CHECKED_BYTES_PER_SECOND = 10 * 1024 * 1024;
/** Hope is judged so often, ms. */
const JUDGE_EVERY_MS = 500;
/** Who does not bring leaves sources that have all to others, unless nobody has sent for this long, ms. */
const HOPE_MS = 1_000;
/** So many more downloaders are used after each look: who began first would otherwise serve all that came soon after. */
const MORE_FELLOWS = 4;
/** Sources that have left and brought nothing are forgotten beyond so many. Attacker: a tracker that makes up devices without end. */
const MOST_KNOWN = 500;
/** Why the tracker gives no tickets: what became of the sources matters less then. */
const REFUSALS: ReadonlySet<PeerErrorCode> = new Set(['not-found', 'not-allowed', 'passcode-needed', 'used-up']);

export interface SourcePoolOptions {
  readonly request: DownloadRequest;
  readonly tracker: DownloadTracker;
  readonly connector: Connector;
  /** Our own device: never a source. */
  readonly ownPin: string;
  readonly history: SourceHistory;
  /** Prepares a session and starts fetching; resolves when chunks are being asked for. Throws `SourceFault`. */
  readonly useSession: (session: SourceSession, entry: SourceEntry) => Promise<void>;
  /** True while the download works on what it has, without a source: no time to give up. */
  readonly isWorking: () => boolean;
  readonly rates: DownloadRates;
  /** The tracker's list was read anew. */
  readonly onListed: () => void;
  readonly onNotice: (level: 'info' | 'warning', text: string) => void;
  readonly onUpdate: () => void;
  readonly clock?: Clock | undefined;
}

export class SourcePool {
  readonly #options: SourcePoolOptions;
  readonly #clock: Clock;
  readonly #entries = new Map<string, SourceEntry>();
  readonly #workers = new Set<Promise<void>>();
  readonly #tickets: DownloadTickets;
  readonly #pulse: Pulse;
  readonly #seek: Pulse;
  readonly #mostSessions: number;
  #lastHopeAt: number;
  #isOutdated = false;
  /** The tracker has told who has it since a source failed last. */
  #isListNew = false;
  #lookMs = SEEK_EVERY_MS;
  #mostFellows = 0;
  #hasAnswer = false;
  /** What the tracker said last, when it gives no tickets any more. */
  #refusal: PeerError | undefined;

  constructor(options: SourcePoolOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#tickets = new DownloadTickets(options.request.publicationId, this.#clock);
    this.#pulse = new Pulse(this.#clock);
    this.#seek = new Pulse(this.#clock);
    this.#mostSessions = sourcesAtOnce(chunkSizeFor(options.request.sizeBytes));
    this.#lastHopeAt = this.#clock.monotonic();
  }

  /** Works until aborted. @throws {PeerError} `no-source`, `integrity`, `changed`, `not-found`, … when there is no hope. */
  async run({ signal }: AbortOptions): Promise<void> {
    const stopping = new AbortController();
    const over = AbortSignal.any([signal, stopping.signal]);
    this.#lastHopeAt = this.#clock.monotonic();
    try {
      await Promise.race([this.#seekSources(over), this.#judgeHope(over)]);
    } finally {
      stopping.abort(signal.aborted ? signal.reason : new DOMException('the download is over', 'AbortError'));
      for (const { session } of this.#entries.values())
        session?.fail(new SourceFault('left', 'is not needed any more'));
      await Promise.allSettled(this.#workers);
    }
  }

  /** It is worth looking more often for a while: others may have begun when we did, or come for one that was lost. */
  lookForOthers(): void {
    this.#lookMs = FIRST_LOOK_MS;
    this.#seek.beat();
  }

  /** The source of `session` sent `bytes` proven ones. */
  credit(session: SourceSession, bytes: number): void {
    session.verifiedBytes += bytes;
    this.#entries.get(session.sourceId)?.addVerified(bytes);
  }

  sessions(): SourceSession[] {
    return [...this.#entries.values()].flatMap(({ session }) => session ?? []);
  }

  /** Who fetches the same, and how many have all. */
  get swarm(): Swarm {
    const listed = [...this.#entries.values()].filter(({ isListed, isStruckOut }) => isListed && !isStruckOut);
    const devices = listed.filter(({ claimsAll }) => !claimsAll).map(({ device }) => device);
    return { devices, full: listed.length - devices.length };
  }

  rows(): TransferSource[] {
    return [...this.#entries.values()].map((entry) => entry.row());
  }

  async #seekSources(signal: AbortSignal): Promise<void> {
    for (;;) {
      const retryMs = await this.#askTracker(signal);
      const lookMs = this.#lookMs;
      this.#lookMs = Math.min(LOOK_EVERY_MS, 2 * lookMs);
      const mostMs = this.#hopeful().length > 0 ? LOOK_EVERY_MS : SEEK_EVERY_MS;
      await this.#seek.wait(retryMs ?? Math.min(lookMs, mostMs), { signal });
    }
  }

  /** Returns when to ask again, if the tracker said so. */
  async #askTracker(signal: AbortSignal): Promise<number | undefined> {
    const { tracker, request } = this.#options;
    const { publicationId, fileId } = request;
    const ticket = this.#tickets.needsNew([...this.#entries.values()].filter(({ isListed }) => isListed));
    try {
      this.#take(await tracker.sources(publicationId, { ticket, fileId, signal }), signal);
      this.#refusal = undefined;
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      // With sources in hand the tracker is not needed: it may be restarting, or the publication withdrawn, and we finish all the same.
      if (error instanceof PeerError && REFUSALS.has(error.code)) this.#refusal = error;
      if (this.#hasAnswer || isRetryable(error)) return error instanceof ProtocolError ? error.retryAfterMs : undefined;
      throw trackerProblem(request, error);
    }
  }

  #take(reply: SourcesOfPublication, signal: AbortSignal): void {
    const { request, ownPin } = this.#options;
    this.#isOutdated = reply.fileId !== request.fileId;
    if (this.#isOutdated) return;
    if (reply.size !== request.sizeBytes)
      throw new PeerError({
        code: 'integrity',
        message: 'The tracker says two different sizes of one file. Search again.',
      });
    this.#hasAnswer = true;
    this.#isListNew = true;
    for (const publicationId of this.#tickets.take(reply)) this.#renew(publicationId);
    for (const entry of this.#entries.values())
      entry.isListed = reply.sources.some(({ device }) => device === entry.device) && entry.isListed;
    this.#mostFellows += MORE_FELLOWS;
    const turn = ({ device }: { device: string }): number => turnFor(ownPin, device);
    const fresh: SourceEntry[] = [];
    for (const offer of reply.sources.toSorted((a, b) => turn(a) - turn(b))) {
      if (offer.device === ownPin) continue;
      const known = this.#entries.get(offer.device);
      if (known !== undefined) known.list(offer);
      else fresh.push(new SourceEntry(offer));
    }
    for (const entry of fresh) this.#entries.set(entry.device, entry); // who is tried depends on who there is
    this.#forgetOld();
    for (const entry of fresh) this.#meet(entry, signal);
    this.#pulse.beat();
    this.#options.onListed();
    this.#options.onUpdate();
  }

  #forgetOld(): void {
    for (const [device, { isListed, isInUse, verifiedBytes }] of this.#entries) {
      if (this.#entries.size <= MOST_KNOWN) return;
      if (!isListed && !isInUse && verifiedBytes === 0) this.#entries.delete(device);
    }
  }

  #isKnown(entry: SourceEntry): boolean {
    return this.#entries.get(entry.device) === entry;
  }

  /** Sessions show the new ticket where they are; what is under way goes on. */
  #renew(publicationId: string): void {
    for (const entry of this.#entries.values()) {
      const { session, isPreparing } = entry;
      const ticket = this.#tickets.for(entry);
      if (
        session === undefined ||
        isPreparing ||
        ticket === undefined ||
        this.#tickets.publicationOf(entry) !== publicationId
      )
        continue;
      session.open(ticket).catch((error: unknown) => session.fail(dialFault(error)));
    }
  }

  #meet(entry: SourceEntry, signal: AbortSignal): void {
    const { request, history, onNotice } = this.#options;
    const lie = history.find(request.fileId, entry.device);
    if (lie === undefined) {
      this.#start(entry, signal);
      return;
    }
    entry.strikeOut(new SourceFault('lied', `${lie.what}, on ${new Date(lie.at).toISOString().slice(0, 10)}`));
    const who = `${safeDisplay(request.name)}: ${safeDisplay(entry.user)}`;
    onNotice('warning', `${who} is not used as a source of it: it ${entry.fault?.message}.`);
  }

  #start(entry: SourceEntry, signal: AbortSignal): void {
    const worker = this.#work(entry, signal).catch((error: unknown) => {
      if (!signal.aborted) entry.end(dialFault(error), this.#clock.monotonic());
    });
    this.#workers.add(worker);
    void worker.finally(() => this.#workers.delete(worker));
  }

  async #work(entry: SourceEntry, signal: AbortSignal): Promise<void> {
    while (!entry.isStruckOut) {
      const moved = await this.#untilWorthATry(entry, signal);
      if (moved === undefined) return;
      const fault = await this.#use(entry, AbortSignal.any([signal, moved]));
      signal.throwIfAborted();
      entry.end(fault, this.#clock.monotonic());
      this.#isListNew = false;
      this.#report(entry, fault);
      if (fault.kind === 'lied') this.#note(entry, fault);
      if (fault.kind === 'expired') this.#tickets.expire();
      // What it was asked for is free again, and they may have had nothing left to ask for.
      for (const session of this.sessions()) session.pump();
      this.#pulse.beat();
      this.lookForOthers();
      this.#options.onUpdate();
    }
  }

  /** Resolves with a signal that aborts when the source is found to be somewhere else; undefined when it is forgotten. */
  async #untilWorthATry(entry: SourceEntry, signal: AbortSignal): Promise<AbortSignal | undefined> {
    while (this.#isKnown(entry)) {
      const waitMs = entry.retryAt - this.#clock.monotonic();
      if (waitMs <= 0 && this.#isWorthATry(entry)) {
        return entry.startDialling(); // at once: whoever is judged next must count it
      }
      await this.#pulse.wait(waitMs > 0 ? waitMs : JUDGE_EVERY_MS, { signal });
    }
    return undefined;
  }

  #isWorthATry(entry: SourceEntry): boolean {
    if (!entry.isListed || this.#tickets.for(entry) === undefined) return false;
    if (entry.addresses.length === 0 && !this.#options.connector.needsNoAddress) return false;
    if (!this.#hasRoomFor(entry)) return false;
    return !(entry.isShunned && this.#hasOther(entry));
  }

  #hasRoomFor({ claimsAll }: SourceEntry): boolean {
    const { rates, ownPin } = this.#options;
    const inUse = [...this.#entries.values()].filter(({ isInUse }) => isInUse);
    const most = Math.min(this.#mostSessions, rates.connections());
    if (!claimsAll) return inUse.length < most && inUse.filter((one) => !one.claimsAll).length < this.#mostFellows;
    // Without hope beyond the most: those that were to bring may all be slow, or lie.
    if (this.#clock.monotonic() - this.#lastHopeAt >= HOPE_MS) return inUse.length <= most;
    return inUse.length < most && bringersOf(ownPin, this.swarm).includes(ownPin);
  }

  /** Runs one session with the source to its end and returns why it ended. */
  async #use(entry: SourceEntry, signal: AbortSignal): Promise<SourceFault> {
    const { request, tracker, connector, useSession, rates } = this.#options;
    this.#options.onUpdate();
    try {
      const { user, device, addresses } = entry;
      const publicationId = this.#tickets.publicationOf(entry);
      const { connection, via } = await connector.connect({ user, device, publicationId, addresses }, { signal });
      const session = new SourceSession({
        sourceId: entry.device,
        connection,
        size: request.sizeBytes,
        isReplaceable: () => this.#hasOther(entry),
        share: rates.open(entry.device),
        receipt: (owed) => tracker.receipt?.(connection, owed),
        clock: this.#clock,
      });
      entry.begin(session, via);
      await this.#prepare(session, entry, useSession);
      return await session.ended;
    } catch (error) {
      const fault = dialFault(error);
      entry.session?.fail(fault);
      return fault;
    }
  }

  async #prepare(
    session: SourceSession,
    entry: SourceEntry,
    useSession: SourcePoolOptions['useSession'],
  ): Promise<void> {
    const ticket = this.#tickets.for(entry);
    if (ticket === undefined) throw new SourceFault('expired', 'was asked without a ticket');
    await session.open(ticket);
    await useSession(session, entry);
    entry.isPreparing = false;
    const renewed = this.#tickets.for(entry);
    if (renewed !== undefined && renewed !== ticket) await session.open(renewed);
    this.#options.onUpdate();
  }

  #hopeful(): SourceEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.isHopeful);
  }

  #hasOther(entry: SourceEntry): boolean {
    return this.#hopeful().some((other) => other !== entry);
  }

  async #judgeHope(signal: AbortSignal): Promise<void> {
    for (;;) {
      const now = this.#clock.monotonic();
      if (this.#hopeful().length > 0 || this.#isChecked(now) || this.#options.isWorking()) this.#lastHopeAt = now;
      else if (this.#isHopeless(now - this.#lastHopeAt)) {
        throw (
          this.#refusal ??
          new PeerError(
            hopelessProblem(this.#options.request, [...this.#entries.values()], { isOutdated: this.#isOutdated }),
          )
        );
      }
      await this.#pulse.wait(JUDGE_EVERY_MS, { signal });
    }
  }

  /** Attacker: a publisher who says so without end would hold the download for ever. */
  #isChecked(now: number): boolean {
    const mostMs = CHECKING_MS + (this.#options.request.sizeBytes * 1_000) / CHECKED_BYTES_PER_SECOND;
    return [...this.#entries.values()].some(({ checkingSince }) => now - (checkingSince ?? -Infinity) < mostMs);
  }

  #isHopeless(forMs: number): boolean {
    if (this.#isOutdated) return true;
    const entries = [...this.#entries.values()];
    if (entries.length === 0 || !entries.every((entry) => entry.isStruckOut || entry.isSpent))
      return forMs >= NO_SOURCE_MS;
    if (entries.every((entry) => entry.isStruckOut)) return forMs >= ONLY_LIARS_MS;
    // Attacker: somebody who has the file, or says so, and says that it is gone while its publisher is away for a moment.
    if (!entries.some((entry) => entry.isSpent && entry.user === this.#options.request.owner))
      return forMs >= NO_SOURCE_MS;
    return forMs >= ONLY_LIARS_MS || (this.#isListNew && entries.every((entry) => entry.isSpent));
  }

  #report(entry: SourceEntry, fault: SourceFault): void {
    if (fault.kind === 'checking') return; // It is no failure yet.
    const isBad = fault.kind === 'lied' || fault.kind === 'stalled' || fault.kind === 'slow';
    if (!isBad && !(entry.isFirstFailure && entry.verifiedBytes > 0)) return;
    const end = fault.kind === 'lied' ? ', and not used again for this file' : '';
    const who = `${safeDisplay(this.#options.request.name)}: ${safeDisplay(entry.user)}`;
    this.#options.onNotice(isBad ? 'warning' : 'info', `${who} ${fault.message}; dropped as a source${end}.`);
  }

  /** Nobody waits for it: if it cannot be kept, the source is only forgiven by the next run. */
  #note({ device, user }: SourceEntry, { message }: SourceFault): void {
    const { history, request, onNotice } = this.#options;
    history.note({ fileId: request.fileId, device, user, what: message }).catch((error: unknown) => {
      onNotice('warning', `That ${safeDisplay(user)} lied could not be saved: ${String(error)}`);
    });
  }
}

function isRetryable(error: unknown): boolean {
  return (
    error instanceof ProtocolError &&
    (error.code === 'busy' || error.code === 'rate-limited' || error.code === 'shutting-down')
  );
}
