/**
 * A depot: stores what others put, and serves it for them. The tracker's list of work is the truth; this looks at it after every login,
 * whenever it is told to, and now and then, and brings its disk in line: fetch, say stored, drop. Every step can be repeated, so a crash
 * anywhere costs time alone. Neighbours: `depot-copies.ts` (the disk), `download/` (the same engine as for `get`).
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkRow } from '../../common/protocol/depot-fields.js';
import { MAX_PAGE_ROWS } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import { type AbortOptions, isAbort } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { Pulse } from '../../common/runtime/pulse.js';
import { PeerError } from '../api.js';
import type { Downloads } from '../download/downloads.js';
import { retryDelay } from '../download/retry-delay.js';
import type { FileHasher } from '../library/hashing/hash-file.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';
import type { DepotCopies } from './depot-copies.js';

/** Also without being told: an event may have been lost with a restart of the tracker. */
const LOOK_EVERY_MS = 30_000;
/** An owner that is away comes back without telling us, so pauses do not grow beyond this, ms. */
const MAX_REST_MS = 60_000;
/** Copies that are fetched or wait for their turn; the rest stays with the tracker until some are done. */
const MAX_UNDER_WAY = 1_000;

export interface DepotOptions {
  /** Bytes that all copies may have together. */
  readonly capacity: number;
  readonly copies: DepotCopies;
  /** Of this depot alone; its `.part` files lie among the copies. */
  readonly downloads: Downloads;
  readonly hasher: FileHasher;
  readonly tracker: Pick<TrackerClient, 'request'>;
  readonly clock: Clock;
  notice(level: 'info' | 'warning' | 'error', text: string): void;
}

interface UnderWay {
  readonly fileId: string;
  readonly end: AbortController;
  readonly over: Promise<void>;
}

export class Depot implements Part {
  readonly #options: DepotOptions;
  readonly #pulse: Pulse;
  readonly #stopping = new AbortController();
  readonly #underWay = new Map<string, UnderWay>();
  readonly #rests = new Map<string, { readonly tries: number; readonly dueAt: number }>();
  #running: Promise<void> | undefined;
  #mustLook = true;
  #looksAtAll = true;
  #lastProblem = '';

  constructor(options: DepotOptions) {
    this.#options = options;
    this.#pulse = new Pulse(options.clock);
  }

  /** Logged in or resumed: the tracker may know of no depot any more, and of other work. */
  loggedIn(): void {
    this.#looksAtAll = true;
    this.told();
    this.#running ??= this.#run(this.#stopping);
  }

  /** There may be work. */
  told(): void {
    this.#rests.clear();
    this.#look();
  }

  /** Somebody says that a copy is not what it should be: it is read again, and fetched again when it is not. */
  async suspect(publicationId: string): Promise<void> {
    const { copies, hasher, notice } = this.#options;
    const entry = copies.get(publicationId);
    if (entry === undefined) return;
    const hashed = await hasher.hash(entry.path, this.#stopping).catch(() => undefined);
    if (this.#stopping.signal.aborted || hashed?.fileId === entry.fileId) return;
    notice(
      'error',
      `The stored copy of ${entry.name.slice(22)} was damaged on this disk, and is fetched again. Check it.`,
    );
    await copies.drop(publicationId);
    await this.#say({ publicationId, fileId: entry.fileId }, 'none');
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new PeerError({ code: 'interrupted', message: 'The depot is ending.' }));
    await this.#running;
    await Promise.all([...this.#underWay.values()].map(({ over }) => over));
    this.#options.copies.close();
  }

  #look(): void {
    this.#mustLook = true;
    this.#pulse.beat();
  }

  async #run({ signal }: AbortOptions): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#mustLook = false;
        await this.#round({ signal });
        this.#lastProblem = '';
      } catch (error) {
        if (signal.aborted) return;
        this.#tell(error);
      }
      if (!this.#mustLook) await this.#pulse.wait(this.#pauseMs(), { signal }).catch(() => undefined); // stopped: seen above
    }
  }

  #pauseMs(): number {
    const due = Math.min(...[...this.#rests.values()].map(({ dueAt }) => dueAt)) - this.#options.clock.monotonic();
    return Math.max(1, Math.min(LOOK_EVERY_MS, due));
  }

  async #round({ signal }: AbortOptions): Promise<void> {
    const { tracker, capacity, copies } = this.#options;
    await tracker.request('depot', { capacity }, { signal });
    const all = this.#looksAtAll;
    const known = all ? copies.publicationIds() : new Set<string>();
    let cursor: string | undefined;
    do {
      const page = { limit: MAX_PAGE_ROWS, ...(cursor === undefined ? {} : { cursor }) };
      const reply = await tracker.request('work', { all, ...page }, { signal });
      for (const row of reply.work) {
        known.delete(row.publicationId);
        await this.#work(row, { signal });
      }
      cursor = reply.cursor;
    } while (cursor !== undefined && this.#underWay.size < MAX_UNDER_WAY);
    if (cursor !== undefined) return;
    // Not on the list at all: the tracker forgot it long ago, or never heard of it.
    for (const publicationId of known) await copies.drop(publicationId);
    if (all) this.#looksAtAll = false;
  }

  async #work(row: WorkRow, { signal }: AbortOptions): Promise<void> {
    const { copies } = this.#options;
    const { publicationId, fileId } = row;
    const now = this.#underWay.get(publicationId);
    if (row.do === 'drop') {
      await this.#cancel(now);
      await copies.drop(publicationId);
      await this.#say(row, 'none');
      return;
    }
    if (row.do === 'keep') {
      if (!(await copies.isWhole(row))) await this.#say(row, 'none');
      return;
    }
    if (now?.fileId === fileId) return;
    await this.#cancel(now);
    signal.throwIfAborted();
    const isResting = (this.#rests.get(publicationId)?.dueAt ?? 0) > this.#options.clock.monotonic();
    if (!isResting && this.#underWay.size < MAX_UNDER_WAY) this.#begin(row);
  }

  async #cancel(underWay: UnderWay | undefined): Promise<void> {
    underWay?.end.abort(new PeerError({ code: 'interrupted', message: 'It is not wanted any more.' }));
    await underWay?.over;
  }

  #begin(row: WorkRow): void {
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, this.#stopping.signal]);
    const over = this.#store(row, { signal })
      .then(() => void this.#rests.delete(row.publicationId))
      .catch((error: unknown) => this.#failed(row, error, signal))
      .finally(() => {
        this.#underWay.delete(row.publicationId);
        if (!signal.aborted) this.#look();
      });
    this.#underWay.set(row.publicationId, { fileId: row.fileId, end, over });
  }

  /** Until the copy is durable here and the tracker has heard of it. */
  async #store(row: WorkRow, { signal }: AbortOptions): Promise<void> {
    const { copies } = this.#options;
    if (!(await copies.isWhole(row))) await this.#fetch(row, { signal });
    await this.#say(row, 'all', signal);
  }

  async #fetch(row: WorkRow, { signal }: AbortOptions): Promise<void> {
    const { copies, downloads, hasher, capacity } = this.#options;
    const { publicationId, fileId, size, owner, name } = row;
    // The tracker reserves room before, but content may have been replaced by larger content since.
    if (copies.usedBytes + size > capacity)
      throw new PeerError({ code: 'disk-full', message: `There is no room for ${name}.` });
    const directory = await copies.folderOf(publicationId);
    const path = join(directory, fileId);
    if ((await stat(path).catch(() => undefined)) === undefined) {
      await this.#requireSource(row, { signal });
      const content = { publicationId, fileId, sizeBytes: size, owner, name };
      await downloads.get({ ...content, directory, fileName: fileId, force: false }, { signal });
    }
    // Read back from where it will be served: what does not have its id is not stored, whatever wrote it.
    const hashed = await hasher.hash(path, { signal });
    if (hashed.fileId !== fileId) {
      await copies.drop(publicationId);
      throw new PeerError({
        code: 'integrity',
        message: `${name} was not on the disk as it was written. Check the disk.`,
      });
    }
    await copies.record(row, path, hashed);
  }

  /** A download waits for sources a while, and others for its place: an owner that is away must not hold them up. */
  async #requireSource({ publicationId, name, owner }: WorkRow, { signal }: AbortOptions): Promise<void> {
    const { sources } = await this.#options.tracker.request('sources', { publicationId, ticket: false }, { signal });
    if (sources.length > 0) return;
    throw new PeerError({
      code: 'no-source',
      message: `${owner}, who has ${name}, is away. It is fetched when they are back.`,
    });
  }

  async #say(
    { publicationId, fileId }: Pick<WorkRow, 'publicationId' | 'fileId'>,
    has: 'all' | 'none' | 'full',
    signal = this.#stopping.signal,
  ): Promise<void> {
    await this.#options.tracker.request('stored', { publicationId, fileId, has }, { signal });
  }

  async #failed(row: WorkRow, error: unknown, signal: AbortSignal): Promise<void> {
    if (isAbort(error, signal)) return;
    const { clock, notice } = this.#options;
    const problem = error instanceof PeerError ? error.problem : { code: 'internal' as const, message: String(error) };
    const tries = (this.#rests.get(row.publicationId)?.tries ?? 0) + 1;
    this.#rests.set(row.publicationId, {
      tries,
      dueAt: clock.monotonic() + Math.min(MAX_REST_MS, retryDelay(problem, tries)),
    });
    if (tries === 1) notice('warning', `${row.name} of ${row.owner} is not stored yet: ${problem.message}`);
    if (problem.code === 'disk-full') await this.#say(row, 'full').catch(() => undefined); // said again at the next try
  }

  /** The same trouble is told once. */
  #tell(error: unknown): void {
    const problem = error instanceof PeerError ? error.problem : { code: 'internal', message: String(error) };
    const text =
      problem.code === 'not-allowed'
        ? 'This user is not appointed to run a depot. On the tracker: shoal user appoint NAME'
        : `The depot could not look for work: ${problem.message}`;
    if (text !== this.#lastProblem) this.#options.notice('warning', text);
    this.#lastProblem = text;
  }
}
