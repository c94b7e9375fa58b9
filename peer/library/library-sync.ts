/**
 * After a login tells the tracker what it does not know of the library. What is known to be unsettled comes first, then what was put
 * last: what was told is live at once, and the rest as soon as nothing is unsettled (the next heartbeat says so).
 */
import type { ReplyBody } from '../../common/protocol/messages.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { Pulse } from '../../common/runtime/pulse.js';
import { peerErrorOf } from '../tracker-client/problems.js';
import type { TrackerClient } from '../tracker-client/tracker-client.js';
import type { FolderPublisher } from './folder-publisher.js';
import type { Library, LibraryEntry, PageEnd, Told } from './library.js';
import { publishEntry } from './publish-entry.js';
import { settleName } from './rename.js';
import { inWishes, wireWish, wishOf } from './wire-rights.js';

/** Entries of one bulk request: far below the line limit with the longest names. */
export const BULK_ENTRIES = 500;

/** Names told that are remembered, so as not to be told twice: beyond them that only takes its time. */
const MOST_REMEMBERED = 10_000;

/** After a failure it is tried again, ms: twice as long each time, up to five minutes. A new session is told at once. */
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 5 * 60_000;

type Which = 'all' | 'unsettled';

export interface LibrarySyncOptions {
  readonly library: Library;
  readonly folders: FolderPublisher;
  readonly tracker: Pick<TrackerClient, 'request'>;
  notice(level: 'info' | 'warning' | 'error', text: string): void;
  readonly clock?: Clock | undefined;
}

export class LibrarySync {
  readonly #options: LibrarySyncOptions;
  readonly #asked: Pulse;
  #isRunning = false;
  /** Was asked for while another one ran. */
  #next: Which | undefined;

  constructor(options: LibrarySyncOptions) {
    this.#options = options;
    this.#asked = new Pulse(options.clock ?? systemClock);
  }

  /** In the background, one at a time, until the tracker knows. A failure becomes a notice. */
  soon(which: Which, { signal }: AbortOptions): void {
    this.#next = this.#next === 'all' ? 'all' : which;
    this.#asked.beat();
    if (!this.#isRunning) void this.#runAll(signal);
  }

  /** Resolves when the tracker knows. */
  async run(which: Which, { signal }: AbortOptions): Promise<void> {
    const told = new Set<string>();
    await this.#names({ signal });
    await this.#pages('unsettled', told, { signal });
    if (which === 'all') await this.#pages('all', told, { signal });
  }

  async #runAll(signal: AbortSignal): Promise<void> {
    this.#isRunning = true;
    let retryMs = FIRST_RETRY_MS;
    for (let which = this.#next; which !== undefined && !signal.aborted; which = this.#next) {
      this.#next = undefined;
      try {
        await this.run(which, { signal });
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (signal.aborted) break;
        if (retryMs === FIRST_RETRY_MS) this.#failed(error);
        // What was asked for meanwhile is for another session, whatever became of this one.
        if (this.#next === undefined) await this.#asked.wait(retryMs, { signal }).catch(() => undefined); // aborted: seen above
        retryMs = Math.min(LAST_RETRY_MS, 2 * retryMs);
        this.#next = this.#next === 'all' ? 'all' : which;
      }
    }
    this.#isRunning = false;
  }

  #failed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.notice('warning', `The tracker could not be told of the library yet: ${reason}`);
  }

  async #pages(which: Which, told: Set<string>, { signal }: AbortOptions): Promise<void> {
    for (let last: PageEnd | undefined, isFirst = true; isFirst || last !== undefined; isFirst = false) {
      // A new session knows nothing of what the one before was told.
      if (this.#next === 'all') return;
      const page = this.#options.library.page(which, BULK_ENTRIES, last);
      last = page.last;
      await this.#withdraw(page.entries, { signal });
      const untold = page.entries.filter(({ state, name }) => state !== 'withdrawing' && !told.has(name));
      for (const alike of inWishes(untold, (entry) => entry)) await this.#tell(alike, { signal });
      for (const { name } of untold) if (told.size < MOST_REMEMBERED) told.add(name);
    }
  }

  async #withdraw(entries: readonly LibraryEntry[], { signal }: AbortOptions): Promise<void> {
    const { library, tracker } = this.#options;
    const names = entries.filter(({ state }) => state === 'withdrawing').map(({ name }) => name);
    if (names.length === 0) return;
    const reply = await tracker.request('unpublish', { names }, { signal });
    library.inOneStep(() => {
      for (const name of names) library.forget(name);
    });
    library.revision = reply.libraryRevision;
  }

  async #tell(batch: readonly LibraryEntry[], { signal }: AbortOptions): Promise<void> {
    const { library, tracker, folders } = this.#options;
    const entries = batch.map((entry) => ({
      ...publishEntry(entry),
      // New content of a name that was ours before: the crash came between hashing and the tracker's answer.
      ...(entry.state === 'pending' && entry.publicationId !== '' ? { replace: true } : {}),
      // What others have removed meanwhile does not come back by being told again.
      ...(entry.state === 'published' ? { publicationId: entry.publicationId } : {}),
    }));
    const reply = await tracker.request('publish', { entries, ...wireWish(wishOf(batch[0])) }, { signal });
    settleAll(library, batch, reply.results);
    for (const [index, entry] of batch.entries()) {
      const result = reply.results[index];
      if (result?.ok === true) await folders.tellPaths(entry.name, result.paths, { signal });
      else if (result !== undefined) this.#refused(entry, result);
    }
    library.revision = reply.libraryRevision;
  }

  #refused({ name }: LibraryEntry, { error }: Extract<Result, { ok: false }>): void {
    const { library, notice } = this.#options;
    if (error.code === 'gone') {
      library.remove(name);
      notice('warning', `${name} was removed, so this device no longer offers it. Your file is still there.`);
    } else if (error.code === 'name-taken') {
      library.remove(name);
      notice(
        'warning',
        `${name} was published from another device with other content, so this device no longer offers its own.`,
      );
    } else notice('warning', `${name} is not published: ${peerErrorOf(error).problem.message}`);
  }

  async #names({ signal }: AbortOptions): Promise<void> {
    const { library, tracker, notice } = this.#options;
    for (const entry of library.toRename()) {
      const refusal = await settleName(entry, { library, tracker }, { signal });
      if (refusal !== undefined) notice('warning', `${entry.name} was not renamed: ${refusal.message}`);
    }
  }
}

type Result = ReplyBody<'publish'>['results'][number];

/** Records what the tracker has acknowledged of `batch`. */
export function settleAll(library: Library, batch: readonly Told[], results: readonly Result[]): void {
  library.inOneStep(() => {
    for (const [index, told] of batch.entries()) {
      const result = results[index];
      if (result?.ok === true) library.settle(told, result.publicationId, result.revision);
    }
  });
}
