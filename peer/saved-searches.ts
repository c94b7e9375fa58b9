/**
 * Saved searches of this user on this device: kept in `searches.json`, told to the tracker at every login and resume, and answered with a
 * notice or a `get` when something matches. A match that was missed, while the peer or the tracker was away, is looked up afterwards. It
 * knows no downloads and no screen: both come as `fetch` and `notice`.
 */

import { formatCount, formatSize } from '../common/content/format.js';
import { safeDisplay } from '../common/content/safe-display.js';
import type { TrackerEvent } from '../common/protocol/event-messages.js';
import { MAX_SAVED_SEARCHES } from '../common/protocol/limits.js';
import type { AbortOptions } from '../common/runtime/deadline.js';
import type { Part } from '../common/runtime/lifecycle.js';
import { PeerError, type PublicationRow, type SavedSearchRow, type SaveInput, type SearchInput } from './api.js';
import { search } from './commands/search.js';
import { type SavedSearch, SavedSearchFile } from './saved-search-file.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';
import { selectorFor } from './wording/selector.js';

/** What was committed late, or seen by a clock that was set back, is looked for once more, ms. What was told is not told again. */
const LOOK_BACK_MS = 60_000;
/** Rows of one look: after a long absence the rest is a search away. */
const MOST_FOUND = 1_000;
/** More at once are told together. */
const MOST_NOTICES = 5;

export interface SavedSearchesParts {
  readonly tracker: Pick<TrackerClient, 'request' | 'trackerNow'>;
  readonly stateDir: string;
  /** Serves: the tracker is told, and matches are waited for. Otherwise the list is only kept. */
  readonly isServing: boolean;
  readonly notice: (level: 'info' | 'warning' | 'error', text: string) => void;
  /** Downloads that rest until somebody has their content, and how to end the rest of one. Default: none. */
  readonly waiting?: {
    resting(): readonly { readonly transferId: string; readonly fileId: string }[];
    hope(transferId: string): void;
  };
  /** As `get SELECTOR`: resolves when it is durable in the folder. */
  readonly fetch: (selector: string, directory: string) => Promise<unknown>;
}

/** Distinguishes what a download waits for from what a person looks for. */
const REST_PREFIX = 'get-';

type Match = Extract<TrackerEvent, { event: 'match' }>;

export class SavedSearches implements Part {
  readonly #file: SavedSearchFile;
  #working: Promise<void> = Promise.resolve();

  constructor(private readonly parts: SavedSearchesParts) {
    this.#file = new SavedSearchFile(parts.stateDir);
  }

  /** Reads what earlier runs saved. */
  load(): Promise<void> {
    return this.#file.load();
  }

  rows(): SavedSearchRow[] {
    return this.#file.all.map(rowOf);
  }

  /** @throws {PeerError} `too-many`, and as a request when the tracker cannot be told. */
  async save(input: SaveInput, options: AbortOptions): Promise<SavedSearchRow> {
    if (this.#file.all.length >= MAX_SAVED_SEARCHES) {
      const message = `You have ${MAX_SAVED_SEARCHES} saved searches. End one first: searches lists them, unsave ends one.`;
      throw new PeerError({ code: 'too-many', message });
    }
    const now = this.parts.tracker.trackerNow();
    const saved: SavedSearch = {
      ...input,
      searchId: this.#newId(),
      createdAt: now,
      checkedAt: now,
      matches: 0,
      told: [],
    };
    await this.#file.put(saved);
    await this.#tellTracker(options);
    if (input.untilUp === true) this.#inTurn(options, () => this.#lookForNew(saved.searchId, options)); // one may be up
    return rowOf(saved);
  }

  /** @throws {PeerError} `not-found`. */
  async remove(searchId: string, options: AbortOptions): Promise<SavedSearchRow> {
    const saved = this.#file.find(searchId);
    if (saved === undefined) {
      const message = `There is no saved search ${safeDisplay(searchId, { maxCells: 40 })}. searches lists them.`;
      throw new PeerError({ code: 'not-found', message });
    }
    await this.#file.remove(saved.searchId);
    await this.#tellTracker(options);
    return rowOf(saved);
  }

  /** Logged in or resumed: the tracker learns the searches again, and what was missed is looked up. */
  online(options: AbortOptions): void {
    if (!this.parts.isServing || this.#file.all.length === 0) return;
    this.#inTurn(options, async () => {
      await this.#tellTracker(options);
      for (const { searchId } of this.#file.all) await this.#lookForNew(searchId, options);
    });
  }

  /** A download has begun to rest: the tracker tells when somebody comes online with its content. If it cannot, the time goes on running. */
  rested(options: AbortOptions): void {
    this.#working = this.#working.then(() => this.#tellTracker(options)).catch(() => undefined);
  }

  matched({ search: searchId, publicationIds, more }: Match, options: AbortOptions): void {
    if (searchId.startsWith(REST_PREFIX)) {
      this.parts.waiting?.hope(searchId.slice(REST_PREFIX.length));
      return;
    }
    this.#inTurn(options, async () => {
      if (publicationIds.length > 0) await this.#look(searchId, { publicationIds: [...publicationIds] }, options);
      if (more === true) await this.#lookForNew(searchId, options);
    });
  }

  /** Resolves when what is under way has ended; the signals of its callers make that soon. */
  stop(): Promise<void> {
    return this.#working;
  }

  /** One look after the other, so that nothing is told twice. What fails now is done at the next login. */
  #inTurn({ signal }: AbortOptions, work: () => Promise<void>): void {
    this.#working = this.#working.then(work).catch((error: unknown) => {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.parts.notice('warning', `Saved searches could not be looked up: ${reason}`);
    });
  }

  async #tellTracker({ signal }: AbortOptions): Promise<void> {
    if (!this.parts.isServing) return;
    const searches = this.#file.all.map((saved) => ({
      search: saved.searchId,
      ...queryOf(saved),
      ...(saved.untilUp === true ? { sources: true } : {}),
    }));
    const wanted = (this.parts.waiting?.resting() ?? []).map(({ transferId, fileId }) => ({
      search: `${REST_PREFIX}${transferId}`,
      text: '',
      idPrefix: fileId,
      sources: true,
    }));
    const all = [...searches, ...wanted].slice(0, MAX_SAVED_SEARCHES);
    await this.parts.tracker.request('searches', { searches: all }, { signal });
  }

  async #lookForNew(searchId: string, options: AbortOptions): Promise<void> {
    const saved = this.#file.find(searchId);
    if (saved === undefined) return;
    const now = this.parts.tracker.trackerNow();
    const since = Math.max(saved.createdAt, saved.checkedAt - LOOK_BACK_MS, saved.publishedAfter ?? 0);
    await this.#look(searchId, { publishedAfter: since }, options);
    const after = this.#file.find(searchId);
    if (after !== undefined) await this.#file.put({ ...after, checkedAt: now });
  }

  async #look(
    searchId: string,
    more: Pick<SearchInput, 'publishedAfter'> & { readonly publicationIds?: string[] },
    options: AbortOptions,
  ): Promise<void> {
    const saved = this.#file.find(searchId);
    if (saved === undefined) return;
    const scope = saved.untilUp === true ? {} : { ...more, all: true };
    const query = { ...queryOf(saved), ...scope, limit: MOST_FOUND };
    const { publications } = await search(this.parts.tracker, query, options);
    const fresh = publications.filter((row) => !saved.told.includes(tellingOf(row)));
    if (fresh.length === 0) return;
    const lastMatchAt = this.parts.tracker.trackerNow();
    const told = [...saved.told, ...fresh.map(tellingOf)];
    if (this.#file.find(searchId) !== saved) return; // ended meanwhile
    this.#answer(saved, fresh); // a crash before the next line has it told twice, one after would have it forgotten
    if (saved.untilUp === true) return void (await this.remove(searchId, options));
    await this.#file.put({ ...saved, told, matches: saved.matches + fresh.length, lastMatchAt });
  }

  #answer(saved: SavedSearch, found: readonly PublicationRow[]): void {
    const { into } = saved;
    for (const row of found.slice(0, MOST_NOTICES)) this.parts.notice('info', foundText(saved, row));
    if (found.length > MOST_NOTICES)
      this.parts.notice(
        'info',
        `… and ${formatCount(found.length - MOST_NOTICES, 'file')} more match ${nameOf(saved)}.`,
      );
    if (into !== undefined) for (const row of found) void this.#fetch(row, into);
  }

  async #fetch(row: PublicationRow, into: string): Promise<void> {
    try {
      if (isHidden(row)) throw new Error(`its name begins with a dot. Type get ${selectorFor(row)} if you want it.`);
      await this.parts.fetch(`@${row.owner}/${row.name}`, into);
      this.parts.notice('info', `${safeDisplay(row.name)} was fetched into ${safeDisplay(into)}.`);
    } catch (error) {
      if (error instanceof PeerError && error.code === 'interrupted') return;
      this.parts.notice('warning', `${safeDisplay(row.name)} was not fetched: ${reasonOf(error, row)}`);
    }
  }

  #newId(): string {
    for (let number = 1; ; number += 1) if (this.#file.find(`s${number}`) === undefined) return `s${number}`;
  }
}

/** Attacker: who publishes a `.bash_profile` for somebody who has what he finds put into his home. Programs read such files unasked. */
function isHidden({ name }: PublicationRow): boolean {
  return name.startsWith('.');
}

/** A passcode is asked for where somebody types: so it says what to type. */
function reasonOf(error: unknown, row: PublicationRow): string {
  if (error instanceof PeerError && error.code === 'passcode-needed')
    return `it has a passcode. Type get ${selectorFor(row)} to give it; it then goes to the download folder.`;
  return error instanceof Error ? error.message : String(error);
}

/** The same publication with other content is news again. */
function tellingOf({ publicationId, revision }: PublicationRow): string {
  return `${publicationId}.${revision}`;
}

/** What the tracker is to look for. */
function queryOf({ text, ignoreCase, ...saved }: SavedSearch) {
  const { owner, idPrefix, minSize, maxSize, publishedAfter, publishedBefore, endings, kind } = saved;
  const filters = { ignoreCase, owner, idPrefix, minSize, maxSize, publishedAfter, publishedBefore, kind };
  const given = Object.entries(filters).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), text, ...(endings && { endings: [...endings] }) };
}

function rowOf({ checkedAt: _checkedAt, told: _told, ...row }: SavedSearch): SavedSearchRow {
  return row;
}

function nameOf({ searchId, text }: SavedSearch): string {
  return text === '' ? `your saved search ${searchId}` : `your saved search "${safeDisplay(text)}"`;
}

function foundText(saved: SavedSearch, row: PublicationRow): string {
  const { name, owner, sizeBytes } = row;
  const file = `${safeDisplay(name)} (${formatSize(sizeBytes)})`;
  const what =
    saved.untilUp === true
      ? `${file} can be fetched now: ${safeDisplay(owner)} is online`
      : `${file} from ${safeDisplay(owner)} matches ${nameOf(saved)}`;
  return saved.into === undefined || isHidden(row)
    ? `${what}.`
    : `${what}; it is fetched into ${safeDisplay(saved.into)}.`;
}
