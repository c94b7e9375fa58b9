/**
 * Saved searches of the sessions that are here, held against what is published: who looks for it hears of it at once. In memory, as
 * presence is: peers tell their searches again when they resume. Attacker: one account with many searches slows all matching down, so
 * their number is bounded, and the work goes in slices between which others are served.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_SAVED_SEARCHES_PER_USER, MAX_SEARCH_IDS } from '../../common/protocol/limits.js';
import type { SavedSearch } from '../../common/protocol/search-fields.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Log } from '../../common/runtime/log.js';
import { type Matchable, type MatchQuery, matcherOf } from '../store/search-match.js';
import type { Store } from '../store/store.js';
import type { Registry } from './registry.js';
import type { Session } from './session.js';

/** One slice of matching may hold up the event loop so long, ms. */
const SLICE_MS = 5;

export interface NewPublication extends Matchable {
  readonly publicationId: string;
  /** Everybody may fetch it; otherwise the store is asked for each who looks for it. */
  readonly isPublic: boolean;
}

interface Watch {
  readonly search: string;
  readonly matches: (publication: Matchable) => boolean;
  /** What to look for when somebody comes: absent when only new publications count. */
  readonly waitsFor: MatchQuery | undefined;
}

export interface MatchesParts {
  readonly store: Pick<Store, 'findPublication' | 'search'>;
  readonly registry: Pick<Registry, 'refreshLive' | 'sessionsOf'>;
  readonly clock: Clock;
  readonly log: Log;
}

export class Matches {
  readonly #watchesBySession = new Map<Session, readonly Watch[]>();
  #working: Promise<void> = Promise.resolve();
  /** Users of `cameUp` whose turn has not come. */
  readonly #comingUp = new Set<string>();

  constructor(private readonly parts: MatchesParts) {}

  /** The session's searches, in place of those before. */
  set(session: Session, searches: readonly SavedSearch[]): void {
    this.drop(session);
    if (searches.length === 0) return;
    const watches = searches.map(({ search, ignoreCase, sources, ...wanted }): Watch => {
      const query = { ...wanted, ignoreCase: ignoreCase === true, exact: false, exceptUser: session.user };
      return { search, matches: matcherOf(query), waitsFor: sources === true ? query : undefined };
    });
    this.#watchesBySession.set(session, watches);
    this.#makeRoom(session);
  }

  /** Attacker: one account with many sessions. A peer that starts anew again and again leaves silent ones behind, whose searches go first. */
  #makeRoom(session: Session): void {
    const others = this.parts.registry.sessionsOf(session.user).filter((other) => other !== session);
    let kept = 0;
    for (const own of [session, ...others.toSorted((a, b) => b.lastSeenAt - a.lastSeenAt)]) {
      kept += this.#watchesBySession.get(own)?.length ?? 0;
      if (kept > MAX_SAVED_SEARCHES_PER_USER) this.drop(own);
    }
  }

  drop(session: Session): void {
    this.#watchesBySession.delete(session);
  }

  /** Tells everybody who looks for one of these; resolves when all were told. Never rejects: the publication itself has worked. */
  published(publications: readonly NewPublication[]): Promise<void> {
    return publications.length === 0 ? Promise.resolve() : this.#inTurn(() => this.#tellAll(publications));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    if (this.#watchesBySession.size === 0) return Promise.resolve();
    this.#working = this.#working
      .then(work)
      .catch((error: unknown) => this.parts.log.write('error', 'saved searches could not be matched', { error }));
    return this.#working;
  }

  /** Makes a change of rights to these, and tells who looks for one and may see it now, but could not before. */
  async revealed<T>(publications: readonly NewPublication[], change: () => Promise<T>): Promise<T> {
    const hidden: { session: Session; search: string; publication: NewPublication }[] = [];
    for (const publication of publications) {
      for (const [session, watches] of this.#watchesBySession) {
        const watch = watches.find(({ matches }) => matches(publication));
        if (watch !== undefined && !(await this.#maySee(session, publication)))
          hidden.push({ session, search: watch.search, publication });
      }
    }
    const changed = await change();
    for (const { session, search, publication } of hidden)
      if (await this.#maySee(session, { ...publication, isPublic: false }))
        this.#tell(session, search, [publication.publicationId]);
    return changed;
  }

  /**
   * The publications of this session's device are live now: tells who waits for a source of one. Attacker: who publishes faster than can be
   * looked up; what comes before his turn has come is one look with it.
   */
  cameUp({ user }: Session): Promise<void> {
    const name = user.toLowerCase();
    if (this.isEmpty || this.#comingUp.has(name)) return this.#working;
    this.#comingUp.add(name);
    return this.#inTurn(async () => {
      this.#comingUp.delete(name);
      for (const [session, watches] of this.#watchesBySession) {
        for (const { search, waitsFor } of watches) {
          const owner = waitsFor?.owner ?? user;
          if (waitsFor === undefined || owner.toLowerCase() !== user.toLowerCase()) continue;
          await this.parts.registry.refreshLive();
          const wanted = { ...waitsFor, owner, viewer: session.user, liveOnly: true, limit: MAX_SEARCH_IDS };
          const { rows } = await this.parts.store.search(wanted);
          this.#tell(
            session,
            search,
            rows.map(({ publicationId }) => publicationId),
          );
        }
      }
    });
  }

  get isEmpty(): boolean {
    return this.#watchesBySession.size === 0;
  }

  async #tellAll(publications: readonly NewPublication[]): Promise<void> {
    const { clock } = this.parts;
    let endsAt = clock.monotonic() + SLICE_MS;
    for (const [session, watches] of this.#watchesBySession) {
      for (const { search, matches } of watches) {
        const found: string[] = [];
        for (const publication of publications) {
          if (matches(publication) && (await this.#maySee(session, publication))) found.push(publication.publicationId);
          if (clock.monotonic() < endsAt) continue;
          await nextTurn();
          endsAt = clock.monotonic() + SLICE_MS;
        }
        this.#tell(session, search, found);
      }
    }
  }

  /** What is hidden from a user must not show here either. */
  async #maySee({ user }: Session, { publicationId, isPublic }: NewPublication): Promise<boolean> {
    return isPublic || (await this.parts.store.findPublication(publicationId, user)) !== undefined;
  }

  #tell(session: Session, search: string, found: readonly string[]): void {
    if (session.isEnded) return; // one that is only silent hears of it when it is back
    for (let first = 0; first < found.length; first += MAX_SEARCH_IDS)
      session.outbox.post({ event: 'match', search, publicationIds: found.slice(first, first + MAX_SEARCH_IDS) });
  }
}
