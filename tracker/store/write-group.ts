/**
 * Writes that wait together share one transaction, and so one way to the disk and one chance to meet other nodes; while it lasts the
 * next ones gather. They are carried out in the order they came.
 */
import { StoreError, type StoreErrorCode } from './store-error.js';
import type { Methods } from './store-methods.js';

type Step = (methods: Methods) => Promise<unknown>;

interface Waiting extends PromiseWithResolvers<unknown> {
  readonly step: Step;
}

/** Writes of one transaction: a bulk publish of 1,000 counts as one. */
const MAX_GROUP = 64;
/** What none of the writes is to blame for: tried one by one they would only wait longer. */
const SHARED: ReadonlySet<StoreErrorCode> = new Set(['busy', 'closed', 'storage', 'unreachable']);

export class WriteGroup {
  #waiting: Waiting[] = [];
  #isRunning = false;

  /** `transact` runs a step in a transaction and resolves when it is durable. */
  constructor(private readonly transact: (step: Step) => Promise<unknown>) {}

  write(step: Step): Promise<unknown> {
    const waiting = { ...Promise.withResolvers<unknown>(), step };
    this.#waiting.push(waiting);
    if (!this.#isRunning) {
      this.#isRunning = true;
      setImmediate(() => void this.#run()); // whatever arrived in the same moment joins
    }
    return waiting.promise;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#carryOut(this.#waiting.splice(0, MAX_GROUP));
    this.#isRunning = false;
  }

  async #carryOut(group: readonly Waiting[]): Promise<void> {
    try {
      const values = (await this.transact(async (methods) => {
        const results: unknown[] = [];
        for (const { step } of group) results.push(await step(methods));
        return results;
      })) as unknown[];
      for (const [index, { resolve }] of group.entries()) resolve(values[index]);
    } catch (error) {
      const isShared = error instanceof StoreError && SHARED.has(error.code);
      if (group.length === 1 || isShared) for (const { reject } of group) reject(error);
      else for (const one of group) await this.#carryOut([one]); // one that fails must not take the others with it
    }
  }
}
