/** The files of a store as a crash would leave them, and what opens from them. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Engine, openEngine } from '../../tracker/store/sqlite-engine.js';
import type { StoreError } from '../../tracker/store/store-error.js';
import { deviceOf, entry, mutation, NOW, newId } from './store-samples.js';

const PARTS = ['', '-wal', '-sums'] as const;
type Part = (typeof PARTS)[number];
export type Image = { readonly [P in Part]?: Buffer };

export function takeImage(path: string): Image {
  return Object.fromEntries(
    PARTS.filter((part) => existsSync(path + part)).map((part) => [part, readFileSync(path + part)]),
  );
}

export function layDown(path: string, image: Image): void {
  for (const part of [...PARTS, '-shm']) rmSync(path + part, { force: true });
  for (const [part, bytes] of Object.entries(image)) writeFileSync(path + part, bytes);
}

/** In a transaction of its own, as the store's thread does it. */
export async function commit(engine: Engine, ...names: readonly string[]): Promise<void> {
  engine.database.exec('BEGIN IMMEDIATE');
  await engine.methods.mutate(
    mutation(
      {
        type: 'publish',
        user: 'alice',
        device: deviceOf('alice'),
        entries: names.map((name) => entry(name)),
        quota: 1_000_000,
      },
      { session: newId() },
    ),
  );
  engine.names.takeIn();
  engine.database.exec('COMMIT');
  engine.guard.afterCommit();
}

/** Moves pages to the database every few dozen commits. */
export async function openWithAlice(path: string): Promise<Engine> {
  const engine = openEngine({ path, shouldVerify: true, moveAtPages: 1_000 });
  await engine.methods.addAccounts([{ user: 'alice', passwordHash: 'hash', at: NOW }]);
  return engine;
}

/** Everything that can be asked of the store, or why it does not open. */
export async function answersOf(path: string): Promise<{ answers: string; notices: readonly string[] } | StoreError> {
  let engine: Engine;
  try {
    engine = openEngine({ path, shouldVerify: true });
  } catch (error) {
    return error as StoreError;
  }
  try {
    const rows = await engine.methods.listPublished({ user: 'alice', limit: 10_000 });
    const account = await engine.methods.findAccount('alice');
    return { answers: JSON.stringify([rows, account]), notices: engine.notices };
  } finally {
    engine.close();
  }
}

export async function namesIn(path: string): Promise<string[]> {
  const opened = await answersOf(path);
  if (opened instanceof Error) throw opened;
  return (JSON.parse(opened.answers)[0] as { name: string }[]).map(({ name }) => name).toSorted();
}

/** As kill -9 leaves them, with part of the changes in the database and part in its log; and the log's length at each commit. */
export async function killedStore(path: string, commits: number): Promise<{ image: Image; committedAt: number[] }> {
  const first = await openWithAlice(path);
  await commit(first, 'moved to the database');
  first.close();
  const engine = openEngine({ path, shouldVerify: true });
  const committedAt: number[] = [];
  for (let index = 0; index < commits; index += 1) {
    await commit(engine, `file ${index}`, `and ${index}`);
    committedAt.push(takeImage(path)['-wal']?.length ?? 0);
  }
  const image = takeImage(path);
  engine.close();
  return { image, committedAt };
}
