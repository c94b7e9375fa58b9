/** How much was relayed for whom today, in SQL. */
import type { Kysely } from 'kysely';
import { foldUser } from './fold-user.js';
import type { Tables } from './tables.js';

type Db = Kysely<Tables>;

const DAY_MS = 86_400_000;

/** The part of the store that knows it. The day is that of `at`, in UTC. */
export interface RelayedStore {
  /** All of the day, with folded names. */
  relayed(at: number): Promise<Relayed[]>;
  /** Adds to it, and returns what each of these users has in all, in their order. */
  addRelayed(added: readonly Relayed[], at: number): Promise<number[]>;
}

export interface Relayed {
  readonly user: string;
  readonly bytes: number;
}

export async function relayed(db: Db, at: number): Promise<Relayed[]> {
  return db.selectFrom('relayed').select(['user_fold as user', 'bytes']).where('day', '=', dayOf(at)).execute();
}

export async function addRelayed(db: Db, added: readonly Relayed[], at: number): Promise<number[]> {
  const totals: number[] = [];
  for (const { user, bytes } of added) {
    const total = await db
      .insertInto('relayed')
      .values({ day: dayOf(at), user_fold: foldUser(user), bytes })
      .onConflict((conflict) =>
        conflict.columns(['day', 'user_fold']).doUpdateSet((eb) => ({ bytes: eb('relayed.bytes', '+', bytes) })),
      )
      .returning('bytes')
      .executeTakeFirstOrThrow();
    totals.push(total.bytes);
  }
  return totals;
}

/** Days that are over. */
export async function pruneRelayed(db: Db, at: number): Promise<void> {
  await db.deleteFrom('relayed').where('day', '<', dayOf(at)).execute();
}

function dayOf(at: number): number {
  return Math.floor(at / DAY_MS);
}
