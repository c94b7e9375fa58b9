/**
 * A depot: stores what others put, and serves it for them. The tracker's list of work is the truth; this looks at it after every login,
 * whenever it is told to, and now and then, and brings its disk in line: fetch, say stored, drop. Every step can be repeated, so a crash
 * anywhere costs time alone. Neighbours: `copy-keeper.ts` (one copy), `depot-copies.ts` (the disk).
 */
import type { WorkRow } from '../../common/protocol/depot-fields.js';
import { MAX_PAGE_ROWS } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import { type AbortOptions, isAbort } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import { Pulse } from '../../common/runtime/pulse.js';
import { PeerError, type PeerProblem } from '../api.js';
import { errnoOf, fileProblem } from '../download/file-problem.js';
import { retryDelay } from '../download/retry-delay.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';
import { CopyKeeper, type CopyKeeperOptions, roomFor } from './copy-keeper.js';
import { copyName } from './copy-name.js';
import { scrub } from './scrub.js';

/** Also without being told: an event may have been lost with a restart of the tracker. */
const LOOK_EVERY_MS = 30_000;
/** An owner that is away comes back without telling us, so pauses do not grow beyond this, ms. */
const MAX_REST_MS = 60_000;
/** Copies that are fetched, read or wait for their turn; the rest stays with the tracker until some are done. */
const MAX_UNDER_WAY = 1_000;

/** A copy that could not be read so often is as good as none for others, until it can be read; it stays where it is. */
const UNREADABLE_TRIES = 5;

const FAILED: Record<WorkRow['do'], string> = {
  fetch: 'is not stored yet',
  keep: 'could not be looked at',
  drop: 'could not be removed',
};

export interface DepotOptions extends CopyKeeperOptions {
  readonly tracker: Pick<TrackerClient, 'request'>;
  readonly clock: Clock;
}

interface UnderWay {
  readonly aim: string;
  readonly end: AbortController;
  readonly over: Promise<void>;
}

interface Rest {
  readonly aim: string;
  readonly tries: number;
  readonly code: PeerProblem['code'];
  dueAt: number;
}

export class Depot implements Part {
  readonly #options: DepotOptions;
  readonly #keeper: CopyKeeper;
  readonly #pulse: Pulse;
  readonly #stopping = new AbortController();
  readonly #underWay = new Map<string, UnderWay>();
  /** What failed, until its next try. */
  readonly #rests = new Map<string, Rest>();
  /** Stored copies that have to be looked at: the tracker names them at logins only. */
  readonly #doubtful = new Map<string, WorkRow>();
  /** What is on its way into the trash. */
  #leaving: string | undefined;
  #running: Promise<unknown> | undefined;
  #mustLook = true;
  #logins = 0;
  /** The login after which all that is wanted was heard. */
  #listedAfter = -1;
  /** The login after which all that is here was brought in line with it. */
  #inLineAfter = -1;
  #lastProblem = '';

  constructor(options: DepotOptions) {
    this.#options = options;
    this.#keeper = new CopyKeeper(options);
    this.#pulse = new Pulse(options.clock);
  }

  /** Logged in or resumed: the tracker may know of no depot any more, and of other work. */
  loggedIn(): void {
    this.#logins += 1;
    this.told();
    this.#running ??= Promise.all([this.#run(this.#stopping), this.#scrub(this.#stopping)]);
  }

  /** There may be work. */
  told(): void {
    for (const rest of this.#rests.values()) rest.dueAt = 0;
    this.#look();
  }

  /** Somebody says that a copy is not what it should be: it is read again, and fetched again when it is not. */
  suspect(publicationId: string): void {
    const row = this.#doubt(publicationId);
    if (row === undefined) return;
    this.#doubtful.set(publicationId, row);
    this.#look();
  }

  /** Undefined for what is not here, or leaves just now: it would be taken back from the trash. */
  #doubt(publicationId: string): WorkRow | undefined {
    return publicationId === this.#leaving ? undefined : this.#keeper.doubt(publicationId);
  }

  /** Reads a copy whatever it looks like, and deals with what is found; resolves when it was read, or cannot be now. */
  async #recheck(publicationId: string): Promise<void> {
    const row = this.#doubt(publicationId);
    if (row === undefined) return;
    this.#doubtful.set(publicationId, row);
    this.#begin(row);
    await this.#underWay.get(publicationId)?.over;
  }

  #scrub({ signal }: AbortOptions): Promise<void> {
    const { copies, clock, notice } = this.#options;
    const next = (after: string): string | undefined => copies.after(after);
    const check = (publicationId: string): Promise<void> => this.#recheck(publicationId);
    return scrub({ file: copies.scrubFile, next, check, notice, clock }, { signal });
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
        try {
          await this.#round({ signal });
        } finally {
          await this.#expireTrash(); // whatever failed: on a full disk it may be what makes room
        }
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
    for (const row of this.#doubtful.values()) this.#begin(row);
    await tracker.request('depot', { capacity }, { signal });
    const login = this.#logins; // there may be another one before the end
    const all = this.#inLineAfter !== login;
    const known = all ? await copies.publicationIds() : new Set<string>();
    const held = known.size;
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
    if (all) this.#listedAfter = login;
    await this.#throwAway(known, held);
    if (all) this.#inLineAfter = login;
  }

  /** Before the list was heard nobody knows what of it is wanted again. */
  async #expireTrash(): Promise<void> {
    if (this.#listedAfter === this.#logins) await this.#options.copies.trash.expire();
  }

  /** Not on the list at all. That is no word to remove them: a tracker may have lost its memory. */
  async #throwAway(unlisted: ReadonlySet<string>, held: number): Promise<void> {
    const { copies, notice } = this.#options;
    if (unlisted.size === 0) return;
    for (const publicationId of unlisted) {
      await this.#cancel(publicationId);
      this.#leaving = publicationId;
      await copies.throwAway(publicationId).finally(() => {
        this.#leaving = undefined;
      });
    }
    const text =
      `The tracker knows nothing of ${unlisted.size} of the ${held} copies stored here. They are kept for 30 days in ${copies.trash.dir}, ` +
      'unless room is needed. If the tracker has lost its memory, restore its data: they are taken back by themselves.';
    notice(unlisted.size * 2 > held ? 'error' : 'warning', text);
  }

  async #work(row: WorkRow, { signal }: AbortOptions): Promise<void> {
    const { copies } = this.#options;
    const { publicationId, fileId } = row;
    if (row.do !== 'drop') copies.trash.want(publicationId, fileId);
    const now = this.#underWay.get(publicationId) ?? this.#rests.get(publicationId);
    if (now !== undefined && now.aim !== aimOf(row)) {
      await this.#cancel(publicationId);
      signal.throwIfAborted();
    }
    if (row.do === 'keep') {
      // What cannot be looked at now is looked at again, by itself, until it can.
      const isWhole = await copies.isWhole(row).catch(() => false);
      if (isWhole && !this.#doubtful.has(publicationId)) return;
      this.#doubtful.set(publicationId, row);
    } else this.#doubtful.delete(publicationId);
    this.#begin(row);
  }

  /** What it was doing with a publication is not wanted any more. */
  async #cancel(publicationId: string): Promise<void> {
    this.#doubtful.delete(publicationId);
    this.#rests.delete(publicationId);
    const underWay = this.#underWay.get(publicationId);
    underWay?.end.abort(new PeerError({ code: 'interrupted', message: 'It is not wanted any more.' }));
    await underWay?.over;
  }

  #begin(row: WorkRow): void {
    const { publicationId } = row;
    const isResting = (this.#rests.get(publicationId)?.dueAt ?? 0) > this.#options.clock.monotonic();
    if (isResting || this.#underWay.has(publicationId) || this.#underWay.size >= MAX_UNDER_WAY) return;
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, this.#stopping.signal]);
    const over = this.#handle(row, { signal }).finally(() => {
      this.#underWay.delete(publicationId);
      if (!signal.aborted) this.#look();
    });
    this.#underWay.set(publicationId, { aim: aimOf(row), end, over });
  }

  async #handle(row: WorkRow, { signal }: AbortOptions): Promise<void> {
    const { publicationId } = row;
    try {
      if (row.do === 'keep') await this.#keeper.check(row, { signal });
      else if (row.do === 'drop') await this.#keeper.drop(row, { signal });
      else await this.#keeper.store(row, { signal });
      this.#rests.delete(publicationId);
      if (this.#doubtful.get(publicationId) === row) this.#doubtful.delete(publicationId);
    } catch (error) {
      if (!isAbort(error, signal)) await this.#failed(row, error, { signal });
    }
  }

  async #failed(row: WorkRow, error: unknown, { signal }: AbortOptions): Promise<void> {
    const { clock, notice, copies } = this.#options;
    const problem = problemOf(copies.pathOf(row), error, row);
    // What was thrown away is kept only while there is room.
    if (problem.code === 'disk-full' && (await copies.trash.freeUp(roomFor(row))) > 0) return;
    const before = this.#rests.get(row.publicationId);
    const tries = (before?.tries ?? 0) + 1;
    const dueAt = clock.monotonic() + Math.min(MAX_REST_MS, retryDelay(problem, tries));
    this.#rests.set(row.publicationId, { aim: aimOf(row), tries, code: problem.code, dueAt });
    if (before?.code !== problem.code && problem.code !== 'tracker-unreachable')
      notice('warning', `${copyName(row)} ${FAILED[row.do]}: ${problem.message} It is tried again by itself.`);
    // What the tracker does not hear now is said again at the next try. Whoever looks for what is at risk would count on this one:
    if (row.do === 'keep' && problem.code === 'unreadable' && tries >= UNREADABLE_TRIES)
      await this.#keeper.say(row, 'none', { signal }).catch(() => undefined);
    if (problem.code === 'disk-full') await this.#keeper.say(row, 'full', { signal }).catch(() => undefined);
  }

  /** The same trouble is told once. */
  #tell(error: unknown): void {
    const problem = problemOf(this.#options.copies.trash.dir, error);
    const text =
      problem.code === 'not-allowed'
        ? 'This user is not appointed to run a depot. On the tracker: shoal user appoint NAME'
        : `The depot could not look for work: ${problem.message}`;
    if (text !== this.#lastProblem) this.#options.notice('warning', text);
    this.#lastProblem = text;
  }
}

/** What a row wants; while it is wanted, what is under way for it goes on. */
function aimOf({ do: what, fileId }: WorkRow): string {
  return what === 'drop' ? what : fileId;
}

function problemOf(path: string, error: unknown, row?: WorkRow): PeerProblem {
  if (error instanceof PeerError || errnoOf(error) !== '') {
    const { problem } = fileProblem(path, error);
    if (row === undefined || problem.code !== 'disk-full') return problem;
    return { ...problem, message: `There is no room for ${row.name}. Free some space, or offer more with --depot.` };
  }
  return { code: 'internal', message: `${String(error)}.` };
}
