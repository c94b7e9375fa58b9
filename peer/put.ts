/** `put`: publishes, asks depots to fetch it, and waits until it is durable there. Until then this peer is the source. */
import { MAX_COPIES_ASKED } from '../common/protocol/limits.js';
import type { Clock } from '../common/runtime/clock.js';
import type { AbortOptions } from '../common/runtime/deadline.js';
import type { Pulse } from '../common/runtime/pulse.js';
import { type CommandOptions, PeerError, type PeerProblem, type PublishOutcome, type UploadRow } from './api.js';
import type { PutInput, PutOutcome, StoringRow } from './api-depot.js';
import type { Publisher } from './library/publisher.js';
import { problemOf } from './tracker-client/problems.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

/** The tracker tells when something was stored; a lost word costs no more than this, ms. */
const LOOK_EVERY_MS = 1_000;
/** Bars move so often, ms. */
const SHOW_EVERY_MS = 200;
/** Without a byte for so long people ask what it waits for, ms. */
const STILL_MS = 10_000;
const BULK_NAMES = 500;

export interface PutParts {
  readonly tracker: Pick<TrackerClient, 'request'>;
  readonly publisher: Publisher;
  /** Beats when the tracker has news of copies. */
  readonly news: Pulse;
  readonly uploads: () => readonly UploadRow[];
  /** How far one is; without a row it is over. */
  onStoring(name: string, row: StoringRow | undefined): void;
  readonly clock: Clock;
}

type Published = PublishOutcome & { readonly ok: true };

/** One outcome a path, in order; one that fails does not stop the others. */
export async function put(parts: PutParts, input: PutInput, options: CommandOptions): Promise<PutOutcome[]> {
  const { depots, copies, open: _how, ...publishing } = input;
  const published = await parts.publisher.publish(publishing, options);
  const outcomes = new Map<string, PutOutcome>();
  const ready = published.filter((outcome): outcome is Published => outcome.ok);
  const wish = {
    ...(depots === undefined ? {} : { depots: [...depots] }),
    ...(copies === undefined ? {} : { copies }),
    ...removalOf(input),
  };
  const accepted: Published[] = [];
  for (let start = 0; start < ready.length; start += BULK_NAMES) {
    const batch = ready.slice(start, start + BULK_NAMES);
    const names = batch.map(({ publication }) => publication.name);
    const reply = await parts.tracker.request('put', { names, ...wish }, options);
    for (const [index, item] of batch.entries()) {
      const result = reply.results[index];
      if (result?.ok === true) accepted.push(item);
      else outcomes.set(item.path, await refused(parts, item, problemOf(result?.error ?? INTERNAL), options));
    }
  }
  for (const outcome of await untilStored(parts, { accepted, depots }, options)) outcomes.set(outcome.path, outcome);
  return published.map((outcome) => (outcome.ok ? (outcomes.get(outcome.path) ?? lost(outcome)) : outcome));
}

/** What has a passcode anyway, whoever knows it may remove. */
function removalOf({ open, terms }: PutInput): { readonly removal?: 'open' | 'passcode' } {
  if (open === true) return { removal: 'open' };
  return typeof terms?.passcode === 'string' ? { removal: 'passcode' } : {};
}

const INTERNAL = { code: 'internal' as const, message: '' };

function lost({ path }: Published): PutOutcome {
  return { ok: false, path, problem: { code: 'internal', message: `${path} was not stored.` } };
}

/** Nothing is left of what was only published to be stored. */
async function refused(
  { publisher }: PutParts,
  { path, publication, change }: Published,
  problem: PeerProblem,
  options: AbortOptions,
): Promise<PutOutcome> {
  if (change === 'new') await publisher.withdraw([publication.name], options);
  const message = problem.code === 'too-many' ? QUOTA : problem.message;
  return { ok: false, path, problem: { ...problem, message } };
}

const QUOTA = 'Your quota of stored bytes is used up. Remove something with del first.';

async function untilStored(
  parts: PutParts,
  { accepted, depots }: { readonly accepted: readonly Published[]; readonly depots: readonly string[] | undefined },
  options: CommandOptions,
): Promise<PutOutcome[]> {
  const { signal } = options;
  const outcomes: PutOutcome[] = [];
  const progress = new Progress(parts, options);
  let waiting = [...accepted];
  try {
    while (waiting.length > 0) {
      const copies = await copiesOf(parts.tracker, waiting, { signal });
      for (const [id, states] of copies) copies.set(id, ofNamed(states, depots));
      const later: Published[] = [];
      for (const item of waiting) {
        const states = copies.get(item.publication.publicationId) ?? [];
        progress.show(item, states);
        const outcome = await outcomeOf(parts, item, states, { signal });
        if (outcome === undefined) {
          later.push(item);
          continue;
        }
        outcomes.push(outcome);
        parts.onStoring(item.publication.name, undefined);
      }
      waiting = later;
      for (let turns = 1; waiting.length > 0 && turns <= LOOK_EVERY_MS / SHOW_EVERY_MS; turns += 1) {
        for (const item of waiting) progress.show(item, copies.get(item.publication.publicationId) ?? []);
        if (await parts.news.wait(SHOW_EVERY_MS, { signal })) break;
      }
    }
    return outcomes;
  } finally {
    for (const { publication } of waiting) parts.onStoring(publication.name, undefined);
  }
}

/** With `--to` only those count: an earlier `put` may have chosen a depot that is gone for good. */
function ofNamed(states: readonly CopyState[], depots: readonly string[] | undefined): readonly CopyState[] {
  const named = new Set(depots?.map((name) => name.toLowerCase()));
  const found = states.filter(({ depot }) => named.has(depot.toLowerCase()));
  return found.length === 0 ? states : found;
}

/** How far each is, never backwards: a depot that was killed begins to count anew, though not to fetch. */
class Progress {
  readonly #shown = new Map<string, StoringRow & { readonly movedAt: number }>();

  constructor(
    private readonly parts: PutParts,
    private readonly options: CommandOptions,
  ) {}

  show({ publication }: Published, states: readonly CopyState[]): void {
    const { name, sizeBytes } = publication;
    const before = this.#shown.get(name);
    const doneBytes = Math.max(before?.doneBytes ?? 0, storedBytes(publication, states, this.parts.uploads()));
    const hasMoved = before === undefined || doneBytes > before.doneBytes;
    const now = this.parts.clock.monotonic();
    const movedAt = hasMoved ? now : before.movedAt;
    const waitsFor = now - movedAt < STILL_MS ? undefined : waitedFor(states);
    if (!hasMoved && waitsFor?.join() === before.waitsFor?.join()) return;
    const row: StoringRow = { name, doneBytes, sizeBytes, ...(waitsFor && { waitsFor }) };
    this.#shown.set(name, { ...row, movedAt });
    this.parts.onStoring(name, row);
    this.options.onProgress?.({ event: 'storing', ...row });
  }
}

function waitedFor(states: readonly CopyState[]): string[] {
  return states.filter(({ depot, state }) => state === 'wanted' && depot !== '').map(({ depot }) => depot);
}

/** Undefined while it is not decided. */
async function outcomeOf(
  parts: PutParts,
  item: Published,
  states: readonly CopyState[],
  options: AbortOptions,
): Promise<PutOutcome | undefined> {
  const { publication, path, skipped, skippedCount } = item;
  const stored = states.filter(({ state }) => state === 'stored').map(({ depot }) => depot);
  const full = states.find(({ state }) => state === 'full');
  // What is stored somewhere is not given up because another depot has no room.
  if (full !== undefined && stored.length > 0)
    return { ok: false, path, problem: partly(publication.name, stored, full.depot) };
  if (full !== undefined) return refused(parts, item, DISK_FULL, options);
  if (states.length === 0) return { ok: false, path, problem: withdrawn(publication.name) };
  if (stored.length < states.length) return undefined;
  const left = skippedCount === undefined ? {} : { skipped: skipped ?? [], skippedCount };
  return { ok: true, path, publication, depots: stored, ...left };
}

interface CopyState {
  readonly depot: string;
  readonly state: string;
}

/** Of one copy, on average. */
function storedBytes(
  publication: Published['publication'],
  states: readonly CopyState[],
  uploads: readonly UploadRow[],
): number {
  const { name, sizeBytes } = publication;
  const done = states.map(({ depot, state }) => {
    if (state === 'stored') return sizeBytes;
    const sent = uploads.filter((row) => row.name === name && row.user === depot);
    return Math.min(
      sizeBytes,
      sent.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    );
  });
  return Math.floor(done.reduce((sum, bytes) => sum + bytes, 0) / Math.max(1, states.length));
}

const DISK_FULL: PeerProblem = {
  code: 'depot-full',
  message: 'The disk of the depot is full. Tell who runs it, or name another with --to.',
};

function partly(name: string, stored: readonly string[], full: string): PeerProblem {
  const message = `${name} is stored at ${stored.join(', ')}, but the disk of ${full} is full. Tell who runs it, or name another with --to.`;
  return { code: 'depot-full', message };
}

function withdrawn(name: string): PeerProblem {
  return { code: 'not-found', message: `${name} was withdrawn before it was stored.` };
}

async function copiesOf(tracker: PutParts['tracker'], items: readonly Published[], options: AbortOptions) {
  const found = new Map<string, readonly CopyState[]>();
  for (let start = 0; start < items.length; start += MAX_COPIES_ASKED) {
    const publicationIds = items
      .slice(start, start + MAX_COPIES_ASKED)
      .map(({ publication }) => publication.publicationId);
    try {
      const { publications } = await tracker.request('copies', { publicationIds }, options);
      for (const { publicationId, copies } of publications) found.set(publicationId, copies);
    } catch (error) {
      if (!(error instanceof PeerError) || error.code !== 'tracker-unreachable') throw error;
      for (const id of publicationIds) found.set(id, AWAY); // it comes back, and with it the work
    }
  }
  return found;
}

const AWAY = [{ depot: '', state: 'wanted' }] as const;
