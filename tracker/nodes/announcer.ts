/** Gathers what other nodes must be told: sessions that are active and serve here, what they hold, and messages. */
import type { Registry } from '../registry/registry.js';
import type { RegistryWatcher } from '../registry/registry-watcher.js';
import type { Session } from '../registry/session.js';
import type { HoldNews, SessionNews } from '../store/node-store.js';
import { factsOf, holdFactsOf } from './facts.js';
import type { NodeMessage } from './message.js';

/** One message a row; more than this wait for the next round, so that no round takes long. */
const MAX_MESSAGES = 500;

export interface Gathered {
  readonly sessions: readonly SessionNews[];
  readonly holds: readonly HoldNews[];
  readonly messages: readonly string[];
  readonly freed: readonly string[];
}

export class Announcer implements RegistryWatcher {
  readonly #changed = new Set<Session>();
  readonly #changedHolds = new Map<Session, Set<string>>();
  /** What others were told of: session → publications. */
  readonly #told = new Map<Session, Set<string>>();
  readonly #freed = new Set<string>();
  #messages: string[] = [];

  constructor(
    private readonly registry: Registry,
    /** Called when there is a message to tell. */
    private readonly onMessage: () => void,
  ) {}

  session(session: Session): void {
    if (session.node === undefined) this.#changed.add(session);
  }

  holding(session: Session, publicationId: string): void {
    if (!this.#told.has(session)) return; // here, all of it is told with the session; elsewhere, it is not ours to tell
    const ids = this.#changedHolds.get(session) ?? new Set();
    this.#changedHolds.set(session, ids.add(publicationId));
  }

  cleared(publicationId: string, owner: string | undefined): void {
    this.post({ kind: 'cleared', publicationId, owner });
  }

  post(message: NodeMessage): void {
    this.#messages.push(JSON.stringify(message));
    this.onMessage();
  }

  /** The user's slot was taken for a session that has not begun. */
  free(user: string): void {
    this.#freed.add(user);
  }

  /** Others know nothing of this node: the next `take` has everything. */
  forget(): void {
    this.#told.clear();
    this.#changedHolds.clear();
    this.#messages = [];
    for (const session of this.registry.sessions()) this.#changed.add(session);
  }

  take(): Gathered {
    const sessions: SessionNews[] = [];
    const holds: HoldNews[] = [];
    for (const session of this.#changed) this.#gather(session, { sessions, holds });
    for (const [session, ids] of this.#changedHolds) holds.push(...this.#holdNews(session, ids));
    this.#changed.clear();
    this.#changedHolds.clear();
    const freed = [...this.#freed].filter((user) => !this.registry.sessionsOf(user).some((one) => this.#isHere(one)));
    this.#freed.clear();
    return { sessions, holds, messages: this.#messages.splice(0, MAX_MESSAGES), freed };
  }

  #gather(session: Session, { sessions, holds }: { sessions: SessionNews[]; holds: HoldNews[] }): void {
    const told = this.#told.get(session);
    if (this.#isHere(session)) {
      sessions.push({ session: session.name, facts: factsOf(session) });
      if (told !== undefined) return;
      this.#told.set(session, new Set());
      holds.push(...this.#holdNews(session, new Set([...session.holds.keys(), ...session.published])));
      return;
    }
    this.#freed.add(session.user); // also of one that came and went between two rounds
    if (told !== undefined) {
      this.#told.delete(session);
      this.#changedHolds.delete(session);
      sessions.push({ session: session.name, facts: null });
      for (const publicationId of told) holds.push({ session: session.name, publicationId, fact: null });
    }
  }

  #isHere(session: Session): boolean {
    return session.node === undefined && session.isServing && this.registry.isActive(session);
  }

  #holdNews(session: Session, ids: ReadonlySet<string>): HoldNews[] {
    const told = this.#told.get(session);
    return [...ids].map((publicationId) => {
      const fact = holdFactsOf(session, publicationId);
      if (fact === null) told?.delete(publicationId);
      else told?.add(publicationId);
      return { session: session.name, publicationId, fact };
    });
  }
}
