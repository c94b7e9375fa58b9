/** Random mutations of one session over a bad network, and whether each was applied exactly once. */
import { expect } from 'chai';
import type { Reply } from '../../common/protocol/messages.js';
import { integerBetween, type Random, randomFrom, subSeed } from '../support/seed.js';
import { newId, type RawSession, randomFileId } from './raw-session.js';

export interface LossyRun {
  /** Mutations whose outcome arrived. */
  readonly applied: number;
  /** What the tracker must list afterwards: name → fileId. */
  readonly listed: ReadonlyMap<string, string>;
  /** Applied changes, by which the library revision must have risen. */
  readonly changes: number;
}

/** As much of a session as mutations need. */
export type Requester = Pick<RawSession, 'request'>;

interface Lane {
  readonly name: string;
  publicationId: string;
  fileId: string | undefined;
}

/**
 * Sends `count` mutations in `lanes` rows that run side by side; in each row one follows the other, so every outcome is known before:
 * a reply that differs means that something was lost or done twice. Outcomes are acknowledged as they arrive.
 */
export async function runMutations(
  session: Requester,
  options: { count: number; lanes: number; seed: number },
): Promise<LossyRun> {
  const { count, lanes, seed } = options;
  const acks: string[] = [];
  const rows = Array.from(
    { length: lanes },
    (_, index): Lane => ({ name: `lane ${index}`, publicationId: '', fileId: undefined }),
  );
  const each = Math.ceil(count / lanes);
  const changes = await Promise.all(
    rows.map((lane, index) => runLane(session, lane, { each, acks, random: randomFrom(subSeed(seed, 'lane', index)) })),
  );
  const listed = new Map(rows.flatMap(({ name, fileId }) => (fileId === undefined ? [] : [[name, fileId] as const])));
  return { applied: each * lanes, listed, changes: changes.reduce((sum, part) => sum + part, 0) };
}

interface LaneRun {
  readonly each: number;
  readonly acks: string[];
  readonly random: Random;
}

async function runLane(session: Requester, lane: Lane, { each, acks, random }: LaneRun): Promise<number> {
  let changes = 0;
  for (let step = 0; step < each; step += 1) {
    const envelope = { id: newId(), acks: acks.splice(0, 8) };
    changes += await mutate(session, lane, { envelope, draw: integerBetween(random, 0, 3) });
    acks.push(envelope.id);
  }
  return changes;
}

interface Step {
  readonly envelope: { readonly id: string; readonly acks: string[] };
  readonly draw: number;
}

/** One mutation that fits the lane's state; returns how many changes it made. */
async function mutate(session: Requester, lane: Lane, { envelope, draw }: Step): Promise<number> {
  const { name, fileId, publicationId } = lane;
  if (fileId !== undefined && draw === 0) {
    const reply = await session.request('unpublish', { names: [name] }, envelope);
    expect(resultOf(reply), `unpublish ${name}`).to.include({ ok: true });
    lane.fileId = undefined;
    return 1;
  }
  if (fileId !== undefined && draw === 1) {
    const reply = await session.request('hold', { publicationId, fileId, has: 'all' }, envelope);
    expect(reply.ok, `hold ${name}: ${JSON.stringify(reply)}`).to.equal(true);
    return 0;
  }
  const next = randomFileId();
  const reply = await session.request(
    'publish',
    { entries: [{ name, fileId: next, size: 1, kind: 'file', replace: true }] },
    envelope,
  );
  const result = resultOf(reply);
  expect(result, `publish ${name}`).to.include({ ok: true, change: fileId === undefined ? 'new' : 'replaced' });
  if (result?.ok === true) lane.publicationId = result.publicationId;
  lane.fileId = next;
  return 1;
}

function resultOf<T extends 'publish' | 'unpublish'>(reply: Reply<T>) {
  expect(reply.ok, JSON.stringify(reply)).to.equal(true);
  return reply.ok
    ? (reply.results[0] as { ok: true; publicationId: string; change?: string } | { ok: false })
    : undefined;
}

/** Compares the run with what the tracker lists over a clean connection. */
export async function expectExactlyOnce(clean: RawSession, run: LossyRun): Promise<void> {
  const listed = new Map<string, string>();
  let cursor: string | undefined;
  do {
    const reply = await clean.request('listPublished', { limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    if (!reply.ok) throw new Error(`listPublished: ${reply.error.code}`);
    for (const { name, fileId } of reply.publications) listed.set(name, fileId);
    cursor = reply.cursor;
  } while (cursor !== undefined);
  expect(Object.fromEntries(listed)).to.deep.equal(Object.fromEntries(run.listed));
  expect(clean.grant.libraryRevision, 'each change raised the revision once').to.equal(run.changes);
}
