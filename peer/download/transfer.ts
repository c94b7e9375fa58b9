/**
 * One wish for a file, over all its tries: it waits for its turn, runs a `Download`, rests after what may come back, stands still while
 * it is paused. What is fetched in a try stays in the `.part` for the next one.
 */
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { Pulse } from '../../common/runtime/pulse.js';
import { PeerError, type PeerProblem, type TransferPriority, type TransferRow } from '../api.js';
import type { Download, Provenance } from './download.js';
import type { DownloadRequest } from './download-request.js';
import { mayComeBack, retryDelay } from './retry-delay.js';
import type { SavedDownload } from './saved-downloads.js';
import type { Turns } from './turns.js';

const RANKS: Readonly<Record<TransferPriority, number>> = { high: 2, normal: 1, low: 0 };
/** Nothing happens in this time, ms, unless somebody says so. */
const LONG_MS = 24 * 3_600_000;

/** One try, of a file or a folder. */
export type Try = Pick<Download, 'run' | 'row' | 'shared' | 'target'>;

export interface TransferOptions {
  readonly saved: SavedDownload;
  /** Nobody waits for it: it goes on without a caller. */
  readonly isAlone: boolean;
  /** Tries again by itself after what may come back. */
  readonly retries: boolean;
  readonly newDownload: (provenance: Provenance) => Try;
  readonly turns: Turns;
  /** It is over, one way or the other; callers hear of it when this resolves. */
  readonly onOver: () => Promise<void>;
  /** The limit of this one alone, from the start and at each change; undefined: none, and when it is over. */
  readonly onLimit: (bytesPerSecond: number | undefined) => void;
  /** A try failed and another follows; callers have been told. */
  readonly onFailedTry: (problem: PeerProblem, tries: number) => void;
  readonly onUpdate: () => void;
  readonly clock?: Clock | undefined;
}

export class Transfer {
  readonly transferId: string;
  readonly listeners = new Set<(row: TransferRow) => void>();
  readonly stop = new AbortController();
  /** Settles once, when the transfer is over. */
  readonly outcome: Promise<TransferRow>;
  /** Calls of `get` that wait for it. */
  callers = 0;
  readonly #options: TransferOptions;
  readonly #clock: Clock;
  readonly #changed: Pulse;
  #priority: TransferPriority;
  #limit: number | undefined;
  #isAlone: boolean;
  #isPaused: boolean;
  #download: Try;
  readonly #provenance: Provenance;
  #knownBytes: number;
  #try: { readonly end: AbortController; readonly settled: Promise<void> } | undefined;
  #tries = 0;
  #isOver = false;
  #rest: { readonly problem: PeerProblem; readonly dueAt: number; readonly retryAt: number } | undefined;
  #verdict = Promise.withResolvers<TransferRow>();

  /** @throws {PeerError} `bad-name`, `too-large`: what can be told without asking anybody. */
  constructor(options: TransferOptions) {
    const { transferId, priority = 'normal', isPaused = false, doneBytes = 0, limitBytesPerSecond } = options.saved;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#changed = new Pulse(this.#clock);
    this.transferId = transferId;
    this.#priority = priority;
    this.#isPaused = isPaused;
    this.#limit = limitBytesPerSecond;
    options.onLimit(limitBytesPerSecond);
    this.#knownBytes = doneBytes;
    this.#isAlone = options.isAlone;
    this.#provenance = { part: options.saved.part };
    this.#download = options.newDownload(this.#provenance);
    this.#verdict.promise.catch(() => undefined); // Whoever called `get` hears of it; others see the row.
    this.outcome = this.#untilOver();
    this.outcome.then(
      (row) => this.#verdict.resolve(row),
      (error: unknown) => this.#verdict.reject(error),
    );
  }

  /** What a caller waits for: the end, or the failure of the next try. */
  get verdict(): Promise<TransferRow> {
    return this.#verdict.promise;
  }

  get request(): DownloadRequest {
    return this.#options.saved.request;
  }

  /** True when the last caller that leaves does not take it along. */
  get goesOnAlone(): boolean {
    return this.#isAlone || this.#isPaused;
  }

  get download(): Try {
    return this.#download;
  }

  /** What has to be known to go on after a restart. */
  get saved(): SavedDownload {
    const { doneBytes } = this.row();
    const { part } = this.#provenance;
    return {
      transferId: this.transferId,
      request: this.request,
      ...(this.#priority === 'normal' ? {} : { priority: this.#priority }),
      ...(this.#isPaused ? { isPaused: true } : {}),
      ...(part === undefined ? {} : { part }),
      ...this.#limitField,
      ...(doneBytes > 0 ? { doneBytes } : {}),
    };
  }

  get isResting(): boolean {
    return this.#rest !== undefined && !this.#isPaused;
  }

  set priority(priority: TransferPriority) {
    this.#priority = priority;
    this.#options.onUpdate();
  }

  set limit(bytesPerSecond: number | undefined) {
    this.#limit = bytesPerSecond;
    this.#options.onLimit(bytesPerSecond);
    this.#options.onUpdate();
  }

  get #limitField(): { readonly limitBytesPerSecond?: number } {
    return this.#limit === undefined ? {} : { limitBytesPerSecond: this.#limit };
  }

  /** Stands still from now on; resolves when nothing of it is at work any more. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    this.#rest = undefined;
    const running = this.#try;
    running?.end.abort(new PeerError({ code: 'interrupted', message: 'The download was paused.' }));
    await running?.settled;
    this.#options.onUpdate();
  }

  /** Ends the pause or the rest: tries as soon as it is its turn. */
  goOn(): void {
    this.#isPaused = false;
    this.#rest = undefined;
    this.#changed.beat();
    this.#options.onUpdate();
  }

  row(): TransferRow {
    const row = this.#download.row();
    const own = { ...(this.#priority === 'normal' ? {} : { priority: this.#priority }), ...this.#limitField };
    const { problem: _last, etaMs: _eta, ...still } = { ...row, doneBytes: Math.max(row.doneBytes, this.#knownBytes) };
    if (this.#isPaused) return { ...still, ...own, bytesPerSecond: 0, state: 'paused' };
    if (this.#rest !== undefined) {
      const { problem, retryAt } = this.#rest;
      return { ...still, ...own, bytesPerSecond: 0, state: 'waiting', problem, retryAt };
    }
    const isBetweenTries = !this.#isOver && (row.state === 'stopped' || row.state === 'failed');
    if (row.state !== 'waiting' && !isBetweenTries) return { ...row, ...own };
    return { ...still, ...own, bytesPerSecond: 0, state: 'waiting' };
  }

  async #untilOver(): Promise<TransferRow> {
    try {
      return await this.#live();
    } finally {
      this.#isOver = true;
      this.#options.onLimit(undefined);
      await this.#options.onOver();
    }
  }

  async #live(): Promise<TransferRow> {
    const { signal } = this.stop;
    await Promise.resolve(); // whoever made it has it in its list before it does anything
    for (;;) {
      await this.#untilDue(signal);
      if (await this.#run(signal)) return this.row();
      // A try that ends before it has looked at the `.part` knows nothing of what is there.
      this.#knownBytes = Math.max(this.#knownBytes, this.#download.row().doneBytes);
    }
  }

  /** Until it is neither paused nor resting. */
  async #untilDue(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const restMs = this.#isPaused ? LONG_MS : (this.#rest?.dueAt ?? 0) - this.#clock.monotonic();
      if (restMs <= 0) break;
      await this.#changed.wait(restMs, { signal });
    }
    this.#rest = undefined;
  }

  /** One try. False when another one follows. */
  async #run(signal: AbortSignal): Promise<boolean> {
    const end = new AbortController();
    const settled = Promise.withResolvers<void>();
    this.#try = { end, settled: settled.promise };
    if (this.#download.row().state !== 'waiting') this.#download = this.#options.newDownload(this.#provenance);
    const before = this.#knownBytes;
    const over = AbortSignal.any([signal, end.signal]);
    try {
      const rank = (): number => RANKS[this.#priority];
      await this.#options.turns.run(() => this.#download.run({ signal: over }), { rank, signal: over });
      this.#isPaused = false; // asked for when the file was as good as there
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      if (this.#isPaused || end.signal.aborted) return false;
      if (!mayComeBack(error)) throw error;
      if (!this.#options.retries) throw withAdvice(error, 'Get it again later.');
      this.#tries = this.#download.row().doneBytes > before ? 1 : this.#tries + 1;
      this.#takeRest(error);
      return false;
    } finally {
      this.#try = undefined;
      settled.resolve();
    }
  }

  #takeRest(error: PeerError): void {
    const { problem } = error;
    const delayMs = retryDelay(problem, this.#tries);
    this.#rest = { problem, dueAt: this.#clock.monotonic() + delayMs, retryAt: this.#clock.now() + delayMs };
    this.#isAlone = true;
    const { reject } = this.#verdict;
    this.#verdict = Promise.withResolvers();
    this.#verdict.promise.catch(() => undefined); // as above
    reject(withAdvice(error, 'It is tried again by itself.'));
    this.#options.onFailedTry(problem, this.#tries);
    this.#options.onUpdate();
  }
}

/** What is to be done next depends on whether the download goes on by itself. */
function withAdvice(error: PeerError, advice: string): PeerError {
  const { problem } = error;
  return new PeerError({ ...problem, message: `${problem.message} ${advice}` }, { cause: error });
}
