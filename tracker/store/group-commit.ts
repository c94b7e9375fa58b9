/**
 * Runs the store's calls one at a time. Writes that wait together share one transaction and so one flush of the disk; while it
 * lasts the next ones gather. Reads go first: they may only see what is durable.
 */

import type { DatabaseSync } from 'node:sqlite';
import { sleep } from '../../common/runtime/deadline.js';
import { fromSqlite, isDiskFull, StoreError } from './store-error.js';

export interface StoreCall {
  readonly isWrite: boolean;
  /** It withdraws or revokes: it must work when the disk is full. */
  readonly isRemoval?: boolean;
  run(): Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: StoreError): void;
}

export interface GroupEvents {
  /** All reads that waited, or all writes of a transaction, have been resolved or rejected. */
  readonly onAnswered?: () => void;
  /** Inside the transaction, behind its writes. */
  readonly beforeCommit?: () => void;
  /** Behind the answers: what is done here delays the next calls, not those. */
  readonly afterCommit?: () => void;
  readonly reserve?: Reserve | undefined;
}

/** Room on the disk for removals alone. */
interface Reserve {
  /** What is left is for removals. */
  readonly isShort: boolean;
  /** Makes some; false when there is none to be made. */
  release(): boolean;
  restore(): boolean;
}

/** Writes of one transaction: a bulk publish of 1,000 counts as one. */
const MAX_GROUP = 512;
/** A write waits so long for another process that holds the file, ms; then it is `busy`. */
const LOCK_WAIT_MS = 30_000;
const LOCK_RETRY_MS = 5;
/** Room is made so often for one removal: the reserve may have been given up before. */
const MAX_RELEASES = 2;

export class GroupCommit {
  #reads: StoreCall[] = [];
  #writes: StoreCall[] = [];
  #isRunning = false;
  /** The thread ends with the store: nothing else ends a wait. */
  readonly #never = new AbortController().signal;

  constructor(
    private readonly database: DatabaseSync,
    private readonly on: GroupEvents = {},
  ) {}

  push(call: StoreCall): void {
    (call.isWrite ? this.#writes : this.#reads).push(call);
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => void this.#run()); // whatever arrived in the same moment joins
  }

  async #run(): Promise<void> {
    while (this.#reads.length + this.#writes.length > 0) {
      await this.#runReads();
      await this.#commit(this.#admitted(this.#writes.splice(0, MAX_GROUP)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#isRunning = false;
  }

  async #runReads(): Promise<void> {
    for (const call of this.#reads.splice(0)) {
      try {
        call.resolve(await call.run());
      } catch (error) {
        call.reject(fromSqlite(error));
      }
    }
    this.on.onAnswered?.();
  }

  /** What is left of a full disk is for removals: everything else waits until there is room for the reserve again. */
  #admitted(calls: readonly StoreCall[]): readonly StoreCall[] {
    const { reserve, onAnswered } = this.on;
    if (reserve?.isShort !== true || reserve.restore()) return calls;
    const refusal = new StoreError('storage', "the tracker's store: the disk is full");
    for (const call of calls) if (call.isRemoval !== true) call.reject(refusal);
    onAnswered?.();
    return calls.filter(({ isRemoval }) => isRemoval);
  }

  async #commit(calls: readonly StoreCall[], tries = 0): Promise<void> {
    if (calls.length === 0) return;
    try {
      const values = await this.#transaction(calls);
      for (const [index, call] of calls.entries()) call.resolve(values[index]);
      this.on.onAnswered?.();
      this.#settle();
    } catch (error) {
      const reason = fromSqlite(error);
      const isRemoval = calls.length === 1 && calls[0]?.isRemoval === true;
      if (isRemoval && tries < MAX_RELEASES && isDiskFull(reason) && this.on.reserve?.release() === true)
        return this.#commit(calls, tries + 1);
      if (calls.length === 1 || reason.code === 'busy') {
        for (const call of calls) call.reject(reason);
        this.on.onAnswered?.();
      } else for (const call of calls) await this.#commit(this.#admitted([call])); // one that fails must not take the others with it
    }
  }

  /** What is committed must not be applied again because of this: what it leaves undone is done behind the next commit. */
  #settle(): void {
    try {
      this.on.afterCommit?.();
    } catch {
      // A disk that cannot be read shows in the calls themselves.
    }
  }

  async #transaction(calls: readonly StoreCall[]): Promise<unknown[]> {
    await this.#begin();
    try {
      const values: unknown[] = [];
      for (const call of calls) values.push(await call.run());
      this.on.beforeCommit?.();
      this.database.exec('COMMIT');
      return values;
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK'); // a full disk may have ended it already
      throw error;
    }
  }

  async #begin(): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += LOCK_RETRY_MS) {
      try {
        this.database.exec('BEGIN IMMEDIATE');
        return;
      } catch (error) {
        const reason = fromSqlite(error);
        if (reason.code !== 'busy' || waitedMs >= LOCK_WAIT_MS) throw reason;
      }
      await sleep(LOCK_RETRY_MS, { signal: this.#never });
      await this.#runReads();
    }
  }
}
