/**
 * Who is online and what they hold: the tracker's live state, in memory. One serving session a user; presence is judged lazily, so
 * everything here first looks whether somebody has expired. Knows no sockets and no SQL.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import { HEARTBEAT_MS, MAX_HEARTBEAT_MS, MAX_SESSIONS_PER_USER } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { DeviceKey, PublicationRow, Store } from '../store/store.js';
import type { Notice } from './event-outbox.js';
import { LiveIndex } from './live-index.js';
import { Presence } from './presence.js';
import type { Hold, PresenceClaim, Session } from './session.js';

/** A session nobody has heard of for so long is dropped; its resume token brings it back. */
const IDLE_SESSION_LIFE_MS = 600_000;
/** An ended session still answers repeated requests, and shows its last event, this long. */
const ENDED_SESSION_LIFE_MS = 10_000;
/** Up to so many active peers heartbeat in the shortest interval, more of them less often. */
const PEERS_AT_FULL_PACE = 5_000;

export class Registry {
  /** Newest revocation that is known. */
  epoch = 0;
  readonly #presence: Presence;
  readonly #live: LiveIndex;
  readonly #sessions = new Map<string, Session>();
  readonly #sessionsByUser = new Map<string, Set<Session>>();
  readonly #serving = new Map<string, Session>();
  readonly #holdersById = new Map<string, Set<Session>>();
  /** Active ones, the longest unheard first. */
  readonly #active = new Set<Session>();
  /** Expired ones, the longest unheard first. */
  readonly #idle = new Set<Session>();
  /** Ended ones, the first ended first. */
  readonly #ended = new Set<Session>();
  readonly #depots = new Set<Session>();
  /** How many of the active ones serve. */
  #servingCount = 0;
  /** Devices that became inactive, each once however often that was. */
  readonly #gone = new Map<string, DeviceKey>();
  #onDrop: (session: Session) => void = () => undefined;
  #onLive: (session: Session) => void = () => undefined;

  constructor(
    store: Pick<Store, 'setLive'>,
    private readonly clock: Clock,
  ) {
    this.#presence = new Presence(clock);
    this.#live = new LiveIndex(store);
  }

  /** Told of every session that is forgotten. */
  onDrop(listener: (session: Session) => void): void {
    this.#onDrop = listener;
  }

  /** Told of every session whose device's publications become live, all or some. */
  onLive(listener: (session: Session) => void): void {
    this.#onLive = listener;
  }

  find(name: string): Session | undefined {
    return this.#sessions.get(name);
  }

  /** @throws {ProtocolError} `already-active` while another session of the user serves. */
  claimSlot(user: string, sessionName: string): void {
    this.sweep();
    const other = this.#serving.get(fold(user));
    if (other !== undefined && other.name !== sessionName && this.isActive(other))
      throw new ProtocolError('already-active');
    if (other !== undefined && other.name !== sessionName) this.#drop(other); // expired: it makes way
  }

  /** Takes the session in, or up again after a resume; the slot was claimed in the same turn of the event loop. */
  enter(session: Session, claim: PresenceClaim): void {
    this.#deactivate(session);
    session.claim(claim);
    this.#addSession(session);
    if (session.isServing) this.#serving.set(fold(session.user), session);
    else if (this.#serving.get(fold(session.user)) === session) this.#serving.delete(fold(session.user));
    session.heartbeatMs = this.heartbeatMs();
    this.touch(session);
  }

  /** An authenticated request came: the session is there. */
  touch(session: Session): void {
    if (session.isEnded || this.#sessions.get(session.name) !== session) return;
    session.lastSeenAt = this.clock.monotonic();
    const wasActive = this.#active.delete(session);
    this.#idle.delete(session);
    this.#active.add(session);
    if (!wasActive) this.#activate(session);
  }

  isActive(session: Session): boolean {
    if (!this.#active.has(session)) return false;
    if (!this.#presence.isExpired(session.lastSeenAt, session.heartbeatMs)) return true;
    this.#deactivate(session);
    this.#idle.add(session);
    return false;
  }

  /** All active sessions, those that only ask included. */
  get activeCount(): number {
    this.sweep();
    return this.#active.size;
  }

  /** All there are, ended ones included. */
  sessions(): Session[] {
    return [...this.#sessions.values()];
  }

  /** How many sessions are active, how many of those serve, and how many are silent or ended. */
  counts(): { readonly active: number; readonly serving: number; readonly silent: number; readonly ended: number } {
    this.sweep();
    return {
      active: this.#active.size,
      serving: this.#servingCount,
      silent: this.#idle.size,
      ended: this.#ended.size,
    };
  }

  /** Active serving sessions by user name. */
  peers(): Session[] {
    this.sweep();
    const peers = [...this.#serving.values()].filter((session) => this.isActive(session));
    return peers.sort((a, b) => (fold(a.user) < fold(b.user) ? -1 : 1));
  }

  /** By serving sessions alone: of those each user has one, so nobody can slow all others down. */
  heartbeatMs(): number {
    return Math.round(Math.min(MAX_HEARTBEAT_MS, HEARTBEAT_MS * Math.max(1, this.#servingCount / PEERS_AT_FULL_PACE)));
  }

  /** All publications of its device are live from now on. */
  setLibraryLive(session: Session): void {
    if (session.isLibraryLive) return;
    session.isLibraryLive = true;
    if (!session.isServing || !this.#active.has(session)) return;
    this.#live.setDevice(session, true);
    this.#onLive(session);
  }

  setLibraryNotLive(session: Session): void {
    if (!session.isLibraryLive) return;
    session.isLibraryLive = false;
    this.#live.setDevice(session, false);
  }

  notePublished(session: Session, publicationIds: readonly string[]): void {
    if (!session.isServing) return;
    for (const id of publicationIds) {
      session.published.add(id);
      if (this.#active.has(session)) this.#live.add(id, session);
    }
    this.#onLive(session);
  }

  /** It is withdrawn, or has other content: who held it is no source of it any more. */
  clearSwarm(publicationId: string): void {
    for (const session of [...(this.#holdersById.get(publicationId) ?? [])])
      if (session.depotCapacity === undefined) this.setHold(session, publicationId, undefined);
  }

  /** Whether a depot is a source of it now. */
  isStored(publicationId: string): boolean {
    for (const session of this.#holdersById.get(publicationId) ?? [])
      if (session.depotCapacity !== undefined) return true;
    return false;
  }

  noteUnpublished(owner: string, publicationId: string): void {
    this.clearSwarm(publicationId);
    for (const session of this.sessionsOf(owner)) {
      if (session.published.delete(publicationId)) this.#live.remove(publicationId, session);
    }
  }

  /** The user may not have it any more: none of the user's devices is a source of it. */
  dropHolds(user: string, publicationId: string): void {
    for (const session of this.sessionsOf(user)) {
      session.tickets.delete(publicationId);
      if (session.holds.has(publicationId)) this.setHold(session, publicationId, undefined);
    }
  }

  setHold(session: Session, publicationId: string, hold: Hold | undefined): void {
    const holders = this.#holdersById.get(publicationId) ?? new Set();
    if (hold === undefined) {
      session.holds.delete(publicationId);
      holders.delete(session);
      if (!session.published.has(publicationId)) this.#live.remove(publicationId, session);
    } else {
      session.holds.set(publicationId, hold);
      holders.add(session);
      if (session.isServing && this.#active.has(session)) this.#live.add(publicationId, session);
    }
    if (holders.size === 0) this.#holdersById.delete(publicationId);
    else this.#holdersById.set(publicationId, holders);
  }

  /** Who has the publication now: its publisher when live, then those who hold its present content. */
  sourcesOf(row: PublicationRow): { readonly session: Session; readonly has: 'all' | 'part' }[] {
    this.sweep();
    const publisher = this.#publisherOf(row);
    const sources: { session: Session; has: 'all' | 'part' }[] =
      publisher === undefined ? [] : [{ session: publisher, has: 'all' }];
    for (const session of this.#holdersById.get(row.publicationId) ?? []) {
      const hold = session.holds.get(row.publicationId);
      if (session === publisher || hold?.fileId !== row.fileId || !session.isServing || !this.isActive(session))
        continue;
      // Where downloads are counted nobody passes on what he fetched; a depot gives only what a ticket was counted for.
      if (!hasSwarm(row) && session.depotCapacity === undefined) continue;
      sources.push({ session, has: hold.has });
    }
    return sources;
  }

  #publisherOf({ owner, device, publicationId }: PublicationRow): Session | undefined {
    const session = this.#serving.get(fold(owner));
    if (session === undefined || session.device !== device || !this.isActive(session)) return undefined;
    return session.isLibraryLive || session.published.has(publicationId) ? session : undefined;
  }

  /** Brings the store's view of live publications up to date; before every search. */
  async refreshLive(): Promise<void> {
    this.sweep();
    await this.#live.flush();
  }

  /** Ends one session; it still answers repeated requests for a moment. */
  end(session: Session, notice?: Notice): void {
    if (session.isEnded) return;
    session.isEnded = true;
    this.#deactivate(session);
    if (this.#serving.get(fold(session.user)) === session) this.#serving.delete(fold(session.user));
    session.lastSeenAt = this.clock.monotonic();
    this.#idle.delete(session);
    this.#ended.add(session);
    if (notice !== undefined) session.outbox.post(notice);
  }

  sessionsOf(user: string): Session[] {
    return [...(this.#sessionsByUser.get(fold(user)) ?? [])];
  }

  /** Active sessions that run a depot. */
  depots(): Session[] {
    this.sweep();
    return [...this.#depots].filter((session) => session.isServing && this.isActive(session));
  }

  /** They may have work. */
  tellDepots(): void {
    for (const depot of this.depots()) depot.outbox.post({ event: 'copies' });
  }

  /** It offers `capacity` bytes, or, undefined, is no depot any more and no source of what it has stored. */
  setDepot(session: Session, capacity: number | undefined): void {
    session.depotCapacity = capacity;
    if (capacity !== undefined) this.#depots.add(session);
    else if (this.#depots.delete(session))
      for (const id of [...session.holds.keys()]) this.setHold(session, id, undefined);
  }

  /** To all that are active. */
  broadcast(notice: Notice): void {
    this.sweep();
    for (const session of this.#active) session.outbox.post(notice);
  }

  /** Devices of serving sessions that became inactive since the last call, and of those that are active. */
  takeSeen(): DeviceKey[] {
    this.sweep();
    const active = [...this.#active].filter(({ isServing }) => isServing).map(({ user, device }) => ({ user, device }));
    const gone = [...this.#gone.values()];
    this.#gone.clear();
    return [...gone, ...active];
  }

  /** Finds out who has expired; costs as much as there are such. */
  sweep(): void {
    for (const session of this.#active) if (this.isActive(session)) break;
    this.#dropOld(this.#idle, IDLE_SESSION_LIFE_MS);
    this.#dropOld(this.#ended, ENDED_SESSION_LIFE_MS);
  }

  stop(): void {
    this.#presence.stop();
    for (const session of this.#sessions.values()) session.outbox.stop();
  }

  /** Attacker: one account that opens sessions without end; its oldest make way, and nobody else's. */
  #addSession(session: Session): void {
    const user = fold(session.user);
    const sessions = this.#sessionsByUser.get(user) ?? new Set();
    this.#sessions.set(session.name, session);
    this.#sessionsByUser.set(user, sessions.add(session));
    if (sessions.size <= MAX_SESSIONS_PER_USER) return;
    const [oldest] = [...sessions]
      .filter((other) => other !== session && other !== this.#serving.get(user))
      .sort((a, b) => Number(b.isEnded) - Number(a.isEnded) || a.lastSeenAt - b.lastSeenAt);
    if (oldest !== undefined) this.#drop(oldest);
  }

  #removeSession(session: Session): void {
    const user = fold(session.user);
    const sessions = this.#sessionsByUser.get(user);
    this.#sessions.delete(session.name);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#sessionsByUser.delete(user);
  }

  #activate(session: Session): void {
    session.activeSince = Math.floor(this.clock.now());
    if (!session.isServing) return;
    this.#servingCount += 1;
    if (session.isLibraryLive) this.#live.setDevice(session, true);
    for (const id of session.published) this.#live.add(id, session);
    for (const id of session.holds.keys()) this.#live.add(id, session);
    if (session.isLibraryLive || session.published.size > 0) this.#onLive(session);
  }

  #deactivate(session: Session): void {
    if (!this.#active.delete(session)) return;
    if (!session.isServing) return;
    this.#servingCount -= 1;
    const { user, device } = session;
    this.#gone.set(`${user}/${device}`, { user, device });
    if (session.isLibraryLive) this.#live.setDevice(session, false);
    for (const id of session.published) this.#live.remove(id, session);
    for (const id of session.holds.keys()) this.#live.remove(id, session);
  }

  #dropOld(sessions: ReadonlySet<Session>, lifeMs: number): void {
    const before = this.clock.monotonic() - lifeMs;
    for (const session of sessions) {
      if (session.lastSeenAt >= before) return;
      this.#drop(session);
    }
  }

  #drop(session: Session): void {
    this.#deactivate(session);
    this.#idle.delete(session);
    this.#ended.delete(session);
    this.#depots.delete(session);
    this.#removeSession(session);
    if (this.#serving.get(fold(session.user)) === session) this.#serving.delete(fold(session.user));
    for (const id of [...session.holds.keys()]) this.setHold(session, id, undefined);
    session.outbox.stop();
    this.#onDrop(session);
  }
}

/** Where downloads are counted, only the publisher gives: nobody could count what others pass on. */
export function hasSwarm({ downloads }: Pick<PublicationRow, 'downloads'>): boolean {
  return downloads === undefined;
}

function fold(user: string): string {
  return user.toLowerCase();
}
