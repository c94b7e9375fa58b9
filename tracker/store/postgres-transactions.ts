/**
 * Steps of the store as transactions: reads see one moment, writes are serializable. What stood in each other's way is done again; a
 * write that was often in the way is let through alone. When a connection is lost in the middle of COMMIT, the server is asked
 * what became of it, so that nothing is done twice and nothing is lost.
 */
import type { PoolClient, QueryResult } from 'pg';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { sleep } from '../../common/runtime/deadline.js';
import type { Connection, Connections } from './postgres-connections.js';
import { fromPostgres, isConflict, isConnectionLost } from './postgres-errors.js';
import { StoreError } from './store-error.js';
import type { Methods } from './store-methods.js';

/** A step that failed is tried again so long, ms: with the time of its statements a client has an answer before it gives up. */
const TRY_FOR_MS = 3_000;
/** Longer, as nothing else tells whether a change was made: a server that was started anew answers in seconds. */
const FATE_MS = 8_000;
/** Between two tries, ms; doubled each time, up to the second. */
const PAUSE_MS = [5, 500] as const;
/** So often in the way of others, a write gets the gate for itself. */
const CONFLICTS_TOGETHER = 3;

const READ = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
/** The gate before the first query: that one fixes what the transaction sees. */
const WRITE = (mode: 'ROW SHARE' | 'EXCLUSIVE'): string =>
  `BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE write_gate IN ${mode} MODE; SELECT pg_current_xact_id()::text AS xid`;

type Step<T> = (methods: Methods) => Promise<T>;

export class Transactions {
  constructor(
    private readonly connections: Connections,
    /** Names the database without a password. */
    private readonly place: string,
    /** Aborted when the store closes: nothing is tried again then. */
    private readonly closing: AbortSignal,
    private readonly clock: Clock = systemClock,
  ) {}

  read<T>(step: Step<T>): Promise<T> {
    return this.#persist(() => this.#readOnce(step));
  }

  write<T>(step: Step<T>): Promise<T> {
    return this.#persist((conflicts) => this.#writeOnce(step, conflicts >= CONFLICTS_TOGETHER));
  }

  async #persist<T>(tryOnce: (conflicts: number) => Promise<T>): Promise<T> {
    let endsAt: number | undefined; // waiting for a free connection is no failure
    let conflicts = 0;
    for (let tries = 1; ; tries += 1) {
      try {
        return await tryOnce(conflicts);
      } catch (error) {
        const isInTheWay = isConflict(error, { isAlone: conflicts >= CONFLICTS_TOGETHER });
        if (isInTheWay) conflicts += 1;
        endsAt ??= this.clock.monotonic() + TRY_FOR_MS;
        const isOver = this.clock.monotonic() >= endsAt || this.closing.aborted;
        if (isOver || !(isInTheWay || isConnectionLost(error))) throw fromPostgres(error, this.place);
      }
      await this.#pause(tries);
    }
  }

  /** Of random length, so that two that met do not meet again. */
  async #pause(tries: number): Promise<void> {
    const [first, longest] = PAUSE_MS;
    const ms = Math.min(longest, first * 2 ** tries) * (0.5 + Math.random());
    await sleep(ms, { signal: this.closing, clock: this.clock }).catch(() => undefined); // closing: the last try follows at once
  }

  async #readOnce<T>(step: Step<T>): Promise<T> {
    const { client, methods } = await this.connections.reader();
    try {
      const begun = client.query(READ); // not waited for: statements are carried out in their order
      const [, value] = await Promise.all([begun, step(methods)]);
      void client.query('COMMIT').catch(() => undefined); // nothing was changed, so nothing can be lost
      client.release();
      return value;
    } catch (error) {
      await giveBack(client, error);
      throw error;
    }
  }

  async #writeOnce<T>(step: Step<T>, isAlone: boolean): Promise<T> {
    const { client, methods }: Connection = await this.connections.writer();
    try {
      const begun = (await client.query(WRITE(isAlone ? 'EXCLUSIVE' : 'ROW SHARE'))) as unknown as QueryResult[];
      const value = await step(methods);
      const isLost = await this.#commit(client, String(begun.at(-1)?.rows[0]?.xid));
      client.release(isLost);
      return value;
    } catch (error) {
      await giveBack(client, error);
      throw error;
    }
  }

  /** True when it was made, though the connection was lost with it. */
  async #commit(client: PoolClient, xid: string): Promise<boolean> {
    try {
      await client.query('COMMIT');
      return false;
    } catch (error) {
      if (!isConnectionLost(error) || (await this.#fateOf(xid, error)) === 'aborted') throw error;
      return true;
    }
  }

  /** @throws {StoreError} `unreachable` when it cannot be found out in time. */
  async #fateOf(xid: string, cause: unknown): Promise<'committed' | 'aborted'> {
    const endsAt = this.clock.monotonic() + FATE_MS;
    for (let tries = 1; this.clock.monotonic() < endsAt; tries += 1) {
      const fate = await this.#askFor(xid).catch(() => undefined); // not reachable yet either
      if (fate === 'committed' || fate === 'aborted') return fate;
      await this.#pause(tries);
    }
    throw new StoreError(
      'unreachable',
      `the database ${this.place} was lost in the middle of a change, and cannot be asked whether it was made`,
      { cause },
    );
  }

  async #askFor(xid: string): Promise<unknown> {
    const { client } = await this.connections.reader();
    try {
      const { rows } = await client.query('SELECT pg_xact_status($1::text::xid8) AS fate', [xid]);
      client.release();
      return rows[0]?.fate;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }
}

/** Rolled back, or, when that is in doubt, closed: nothing of a step may reach the next one. */
async function giveBack(client: PoolClient, error: unknown): Promise<void> {
  const isClean =
    !isConnectionLost(error) &&
    (await client.query('ROLLBACK').then(
      () => true,
      () => false,
    ));
  client.release(!isClean);
}
