/** Shows in the registry here what other nodes tell of the sessions there. */
import type { Clock } from '../../common/runtime/clock.js';
import type { Outbox } from '../registry/event-outbox.js';
import type { Registry } from '../registry/registry.js';
import type { Session } from '../registry/session.js';
import type { HoldNews, NodeNews, SessionNews } from '../store/node-store.js';
import { changedElsewhere, parseHoldFacts, sessionElsewhere } from './facts.js';

export class Mirror {
  readonly #sessionsByNode = new Map<string, Map<string, Session>>();

  constructor(
    private readonly parts: { readonly registry: Registry; readonly clock: Clock },
    /** Takes an event to the node of a session. */
    private readonly forward: (session: string) => Outbox,
  ) {}

  /** `news` of every node that lives. */
  apply(news: readonly NodeNews[]): void {
    const alive = new Set(news.map(({ node }) => node));
    for (const node of this.#sessionsByNode.keys()) if (!alive.has(node)) this.#forget(node);
    for (const one of news) {
      if (one.isWhole) this.#forget(one.node);
      const sessions = this.#sessionsByNode.get(one.node) ?? new Map<string, Session>();
      this.#sessionsByNode.set(one.node, sessions);
      for (const told of one.sessions) this.#takeSession(one.node, sessions, told);
      for (const told of one.holds) this.#takeHold(sessions.get(told.session), told);
    }
  }

  #forget(node: string): void {
    for (const session of this.#sessionsByNode.get(node)?.values() ?? []) this.parts.registry.hide(session);
    this.#sessionsByNode.delete(node);
  }

  #takeSession(node: string, sessions: Map<string, Session>, { session: name, facts }: SessionNews): void {
    const { registry, clock } = this.parts;
    const known = sessions.get(name);
    if (known !== undefined && facts !== null && registry.isActive(known)) {
      const changed = changedElsewhere(known, facts);
      if (changed?.isLibraryLive === true) registry.setLibraryLive(known);
      else if (changed !== undefined) registry.setLibraryNotLive(known);
      if (changed !== undefined && changed.depotCapacity !== known.depotCapacity)
        registry.setDepot(known, changed.depotCapacity);
      if (changed !== undefined) return;
    }
    if (known !== undefined) registry.hide(known);
    sessions.delete(name);
    if (facts === null) return;
    const session = sessionElsewhere(name, facts, { node, clock, outbox: this.forward(name) });
    if (known !== undefined) for (const id of known.published) session.published.add(id);
    const holds = known === undefined ? [] : [...known.holds];
    if (!registry.show(session)) return;
    sessions.set(name, session);
    for (const [id, hold] of holds) registry.setHold(session, id, hold);
  }

  /** Of a session that was entered elsewhere meanwhile, nothing is shown. */
  #takeHold(session: Session | undefined, { publicationId, fact }: HoldNews): void {
    const { registry } = this.parts;
    if (session === undefined || !registry.isActive(session)) return;
    const { isPublished, hold } = fact === null ? { isPublished: false, hold: undefined } : parseHoldFacts(fact);
    if (isPublished) registry.notePublished(session, [publicationId]);
    else registry.noteWithdrawn(session, publicationId);
    registry.setHold(session, publicationId, hold);
  }
}
