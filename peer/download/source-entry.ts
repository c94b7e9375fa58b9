import type { TransferSource } from '../api.js';
import type { Via } from './connector.js';
import type { Address, OfferedSource } from './download-tracker.js';
import { SourceFault } from './source-fault.js';
import type { SourceSession } from './source-session.js';

/** After this many connections without one proven chunk a source is tried on, but nobody waits for it any more. */
const MAX_FRUITLESS = 3;
/** What has changed is read again by its publisher, who may find the same in it: that is final only when it was said so often. */
const MOST_CHANGED = 3;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/** What a download remembers of one device: where it is, how it behaved, when to try it again. */
export class SourceEntry {
  readonly device: string;
  readonly user: string;
  /** The publication it is asked under; undefined: the one of the download. */
  readonly publicationId: string | undefined;
  addresses: readonly Address[];
  #has: OfferedSource['has'];
  /** Whether the tracker's last list had it. */
  isListed = true;
  /** Earliest next try, ms of the monotonic clock. */
  retryAt = 0;
  session: SourceSession | undefined;
  /** Between the connection and the first request for chunks: proves the manifest, waits for the `.part` to be checked. */
  isPreparing = false;
  verifiedBytes = 0;
  fault: SourceFault | undefined;
  /** Aborts the dial that is under way. */
  #dialling: AbortController | undefined;
  #via: Via | undefined;
  #failures = 0;
  #fruitless = 0;
  #changed = 0;
  #checkingSince: number | undefined;
  #hasLied = false;

  constructor({ device, user, addresses, publicationId, has }: OfferedSource) {
    this.device = device;
    this.#has = has;
    this.publicationId = publicationId;
    this.user = user;
    this.addresses = addresses;
  }

  /** It lied about this file: not asked again for it, even when it is the only one. */
  get isStruckOut(): boolean {
    return this.#hasLied;
  }

  /** It is no downloader: whether its content is there says whether there is such a content. */
  get claimsAll(): boolean {
    return this.#has === 'all';
  }

  /** Its file has changed or is gone, and it is no use to ask again. */
  get isSpent(): boolean {
    if (!this.claimsAll || this.session !== undefined) return false;
    return this.fault?.kind === 'gone' || (this.fault?.kind === 'changed' && this.#changed >= MOST_CHANGED);
  }

  /** Since when it reads its file again, ms of the monotonic clock; undefined when it does not. */
  get checkingSince(): number | undefined {
    return this.isListed && this.fault?.kind === 'checking' ? this.#checkingSince : undefined;
  }

  /** It failed in a way that makes any other source better. */
  get isShunned(): boolean {
    const kind = this.fault?.kind;
    return kind === 'lied' || kind === 'stalled' || kind === 'slow';
  }

  /** It has a connection, or is about to. */
  get isInUse(): boolean {
    return this.#dialling !== undefined || this.session !== undefined;
  }

  /** True while it can bring the download on. One that lets us wait in vain again and again must not hold a download without end. */
  get isHopeful(): boolean {
    const { session } = this;
    if (session === undefined || (this.#fruitless >= MAX_FRUITLESS && session.meter.total === 0)) return false;
    return this.isPreparing || session.isBusy;
  }

  /** The tracker lists it: if it was away, it is as good as new. */
  list({ addresses, has }: OfferedSource): void {
    if (!areSame(addresses, this.addresses)) this.#dialAnew();
    this.addresses = addresses;
    this.#has = has;
    if (!this.isListed && !this.isShunned) {
      this.#failures = 0;
      this.retryAt = 0;
    }
    this.isListed = true;
  }

  /** Aborts when the tracker says that the source is somewhere else: it was started anew, and nobody is where we look. */
  startDialling(): AbortSignal {
    this.#dialling = new AbortController();
    return this.#dialling.signal;
  }

  begin(session: SourceSession, via: Via): void {
    this.#dialling = undefined;
    this.#via = via;
    this.session = session;
    this.isPreparing = true;
  }

  /** A proven chunk came: past failures are forgiven, lies are not. */
  addVerified(bytes: number): void {
    this.verifiedBytes += bytes;
    this.#failures = 0;
    this.#fruitless = 0;
    this.#changed = 0;
    this.#checkingSince = undefined;
    if (!this.#hasLied) this.fault = undefined;
  }

  /** It lied about this file before. */
  strikeOut(fault: SourceFault): void {
    this.#hasLied = true;
    this.fault = fault;
  }

  /** Remembers a failure and when to come back: later each time. */
  end(fault: SourceFault, now: number): void {
    this.#dialling = undefined;
    if (fault.kind === 'checking') this.#checkingSince ??= now;
    else if (this.session !== undefined) this.#fruitless += 1;
    this.session = undefined;
    this.isPreparing = false;
    this.fault = fault;
    if (fault.kind === 'lied') this.#hasLied = true;
    if (fault.kind === 'changed') this.#changed += 1;
    const growing = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.retryAt = now + Math.max(growing, fault.retryAfterMs ?? 0);
  }

  /** True for the first failure since it last was of use: later ones are no news. */
  get isFirstFailure(): boolean {
    return this.#failures === 1;
  }

  #dialAnew(): void {
    this.#failures = 0;
    this.#dialling?.abort(new SourceFault('unreachable', 'is somewhere else now'));
  }

  row(): TransferSource {
    const queue = this.session?.queue;
    const first = this.addresses[0];
    return {
      user: this.user,
      address: this.session?.address ?? (first === undefined ? '' : `${first.host}:${first.port}`),
      state: this.#state,
      ...(this.#via === undefined ? {} : { via: this.#via }),
      ...(queue === undefined ? {} : { queuePosition: queue.position }),
      ...(queue?.etaMs === undefined ? {} : { queueEtaMs: queue.etaMs }),
      verifiedBytes: this.verifiedBytes,
      bytesPerSecond: this.session?.meter.bytesPerSecond ?? 0,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  /** While it reads its file again, nobody knows of one. */
  get #problem(): TransferSource['problem'] {
    return this.session !== undefined || this.fault?.kind === 'checking' ? undefined : this.fault?.problem;
  }

  get #state(): TransferSource['state'] {
    if (this.session === undefined && this.fault?.kind === 'checking') return 'checking';
    if (this.session === undefined)
      return this.#dialling !== undefined || this.fault === undefined ? 'connecting' : 'dropped';
    if (this.session.queue !== undefined) return 'queued';
    return this.session.isBusy ? 'sending' : 'idle';
  }
}

function areSame(a: readonly Address[], b: readonly Address[]): boolean {
  return a.length === b.length && a.every(({ host, port }, index) => host === b[index]?.host && port === b[index].port);
}
