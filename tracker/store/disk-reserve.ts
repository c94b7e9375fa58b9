/**
 * Room that a file beside the store keeps on the disk, for what must work when it is full: to withdraw, to revoke, to ban. It is enough
 * to move all that is in the store's log to the database, so that the log can be written from its beginning again, which needs no room.
 * While the room is given up, or the disk has too little for it, nothing else may use what is left.
 */
import { randomFillSync } from 'node:crypto';
import { appendFileSync, existsSync, rmSync, statfsSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../../common/runtime/clock.js';

/** By how much removals themselves may let the store grow, as a share of it. */
const SLACK_SHARE = 1 / 16;
const LEAST_SLACK_BYTES = 256 * 1024;
const MOST_SLACK_BYTES = 8 * 1024 * 1024;
/** More than is needed now, so that it is not written anew for each page. */
const STEP_BYTES = 256 * 1024;
/** A disk that has no room is not tried more often, ms. */
const RETRY_MS = 1_000;
const OWNER_ONLY = 0o600;

export interface ReserveOptions {
  /** Bytes by which the database grows when its log is moved into it. */
  readonly growthBytes: () => number;
  readonly clock?: Clock | undefined;
}

export class DiskReserve {
  readonly #path: string;
  readonly #clock: Clock;
  /** The disk has no room for as much as there should be, or it was given up. */
  #isShort = false;
  #triedAt = -Infinity;

  constructor(
    private readonly storePath: string,
    private readonly options: ReserveOptions,
  ) {
    this.#path = `${storePath}-reserve`;
    this.#clock = options.clock ?? systemClock;
  }

  /** What is left of the disk is for removals. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** Keeps as much as the store asks for now. Call behind each commit; never throws. */
  keep(): void {
    if (!this.#isShort) this.#isShort = !this.#fill();
  }

  /** Gives the room up. False when there was none. */
  release(): boolean {
    this.#isShort = true;
    this.#triedAt = this.#clock.monotonic();
    if (!existsSync(this.#path)) return false;
    rmSync(this.#path, { force: true });
    return true;
  }

  /** Keeps it again where the disk has room by now. Returns whether it is there. */
  restore(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#triedAt < RETRY_MS) return false;
    this.#triedAt = now;
    this.#isShort = !this.#fill();
    return !this.#isShort;
  }

  #fill(): boolean {
    const before = sizeOf(this.#path);
    try {
      const slack = Math.min(MOST_SLACK_BYTES, Math.max(LEAST_SLACK_BYTES, sizeOf(this.storePath) * SLACK_SHARE));
      const least = Math.floor(this.options.growthBytes() + slack);
      if (before >= least) return true;
      const missing = least + STEP_BYTES - before;
      const { bavail, bsize } = statfsSync(dirname(this.storePath));
      if (bavail * bsize < missing) return false;
      // Not zeros: a file system that compresses would keep no room for them.
      appendFileSync(this.#path, randomFillSync(Buffer.alloc(missing)), { mode: OWNER_ONLY });
      return true;
    } catch {
      this.#cutTo(before); // the disk is full after all: half a reserve must not make it so
      return false;
    }
  }

  #cutTo(bytes: number): void {
    try {
      if (bytes === 0) rmSync(this.#path, { force: true });
      else truncateSync(this.#path, bytes);
    } catch {
      // It is only room: the next commits find out what is there.
    }
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
