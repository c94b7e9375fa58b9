/** Gathers what every part has to show into one `PeerState`, and tells listeners at most ten times a second. */
import type { Clock, Timer } from '../common/runtime/clock.js';
import type { HashingRow, Notice, PeerState, StoringRow } from './api.js';

/** Ten states a second: faster than that no eye reads. */
const EMIT_EVERY_MS = 100;
/** While bytes move, rates and ETAs change without an event. */
const TICK_MS = 200;
const MAX_NOTICES = 200;

/** Parts of the state that the board keeps itself. */
export type OwnState = 'notices' | 'hashing' | 'storing';

export interface StateParts {
  /** Everything but what lives here. */
  compose(): Omit<PeerState, OwnState>;
}

export class StateBoard {
  readonly #clock: Clock;
  readonly #parts: StateParts;
  readonly #listeners = new Set<(state: PeerState) => void>();
  readonly #hashing = new Map<string, HashingRow>();
  readonly #storing = new Map<string, StoringRow>();
  #notices: readonly Notice[] = [];
  #nextNoticeId = 1;
  #emitTimer: Timer | undefined;
  #lastEmitAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(parts: StateParts, clock: Clock) {
    this.#parts = parts;
    this.#clock = clock;
  }

  state(): PeerState {
    const [hashing, storing] = [[...this.#hashing.values()], [...this.#storing.values()]];
    return { ...this.#parts.compose(), hashing, storing, notices: this.#notices };
  }

  onState(listener: (state: PeerState) => void): () => void {
    this.#listeners.add(listener);
    this.touch();
    return () => this.#listeners.delete(listener);
  }

  notice(level: Notice['level'], text: string): void {
    const notice = { noticeId: this.#nextNoticeId, at: this.#clock.now(), level, text };
    this.#nextNoticeId += 1;
    this.#notices = [...this.#notices.slice(1 - MAX_NOTICES), notice];
    this.touch();
  }

  /** `doneBytes` undefined: that file is done. */
  hashing(path: string, doneBytes: number | undefined, sizeBytes: number): void {
    if (doneBytes === undefined) this.#hashing.delete(path);
    else this.#hashing.set(path, { path, doneBytes, sizeBytes });
    this.touch();
  }

  /** Without a row that one is stored, or not to be stored. */
  storing(name: string, row: StoringRow | undefined): void {
    if (row === undefined) this.#storing.delete(name);
    else this.#storing.set(name, row);
    this.touch();
  }

  /** Something changed: listeners hear of it within EMIT_EVERY_MS. */
  touch(): void {
    if (this.#listeners.size === 0 || this.#isClosed) return;
    this.#schedule(Math.max(0, this.#lastEmitAt + EMIT_EVERY_MS - this.#clock.monotonic()));
  }

  close(): void {
    this.#isClosed = true;
    this.#emitTimer?.cancel();
  }

  #schedule(ms: number): void {
    this.#emitTimer ??= this.#clock.setTimer(() => this.#emit(), ms);
    this.#emitTimer.unref();
  }

  #emit(): void {
    this.#emitTimer = undefined;
    this.#lastEmitAt = this.#clock.monotonic();
    const state = this.state();
    for (const listener of [...this.#listeners]) listener(state);
    if (isMoving(state) && !this.#isClosed) this.#schedule(TICK_MS);
  }
}

/** True while the state grows old by itself. A rate outlives its transfer: it must be seen to come down to 0. */
function isMoving({ downloads, uploads, receivedBytesPerSecond, sentBytesPerSecond }: PeerState): boolean {
  if (receivedBytesPerSecond > 0 || sentBytesPerSecond > 0 || uploads.length > 0) return true;
  return downloads.some(({ state }) => state === 'waiting' || state === 'checking' || state === 'fetching');
}
