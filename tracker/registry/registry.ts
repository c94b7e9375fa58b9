/**
 * Who is online and what they hold: the tracker's live state, in memory. One serving session a user; presence is judged lazily, so
 * everything here first looks whether somebody has expired. Knows no sockets and no SQL.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import { HEARTBEAT_MS, MAX_HEARTBEAT_MS } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { DeviceKey, PublicationRow, Store } from '../store/store.js';
import type { Notice } from './event-outbox.js';
import { hasSwarm } from './has-swarm.js';
import { LiveIndex } from './live-index.js';
import { Presence } from './presence.js';
import { isSupersededBy, type RegistryWatcher } from './registry-watcher.js';
import type { Hold, PresenceClaim, Session } from './session.js';
import { fold, UserSessions } from './user-sessions.js';

/** A session nobody has heard of for so long is dropped; its resume token brings it back. */
const IDLE_SESSION_LIFE_MS = 600_000;
/** An ended session still answers repeated requests, and shows its last event, this long. */
const ENDED_SESSION_LIFE_MS = 10_000;
/** Up to so many active peers heartbeat in the shortest interval, more of them less often. */
const PEERS_AT_FULL_PACE = 10_000;

export class Registry {
  /** Newest revocation that is known, and how often outdated sessions of a user were ended for one. */
  epoch = 0;
  revokedCount = 0;
  readonly #presence: Presence;
  readonly #live: LiveIndex;
  readonly #sessions = new Map<string, Session>();
  readonly #byUser = new UserSessions();
  readonly #serving = new Map<string, Session>();
  readonly #holdersById = new Map<string, Set<Session>>();
  /** Active ones, the longest unheard first. */
  readonly #active = new Set<Session>();
  /** Expired ones, the longest unheard first. */
  readonly #idle = new Set<Session>();
  /** Ended ones, the first ended first. */
  readonly #ended = new Set<Session>();
  readonly #depots = new Set<Session>();
  /** Active ones at other nodes. */
  readonly #remote = new Set<Session>();
  /** How many of the active ones serve. */
  #servingCount = 0;
  /** Devices that became inactive, each once however often that was. */
  readonly #gone = new Map<string, DeviceKey>();
  #watcher: RegistryWatcher | undefined;
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

  set watcher(watcher: RegistryWatcher) {
    this.#watcher = watcher;
  }

  /** One that lives here. */
  find(name: string): Session | undefined {
    return this.#sessions.get(name);
  }

  /** @throws {ProtocolError} `already-active` while another session of the user serves here; elsewhere the nodes have judged. */
  claimSlot(user: string, sessionName: string): void {
    this.sweep();
    const other = this.#serving.get(fold(user));
    if (other !== undefined && other.name !== sessionName && other.node === undefined && this.isActive(other))
      throw new ProtocolError('already-active');
    if (other !== undefined && other.name !== sessionName) this.#drop(other); // expired: it makes way
  }

  /** Takes the session in, or up again after a resume; the slot was claimed in the same turn of the event loop. */
  enter(session: Session, claim: PresenceClaim): void {
    this.#deactivate(session);
    session.claim(claim);
    for (const other of this.#byUser.of(session.user)) if (isSupersededBy(other, session)) this.#drop(other);
    this.#sessions.set(session.name, session);
    const oldest = this.#byUser.add(session, this.#serving.get(fold(session.user)));
    if (oldest !== undefined) this.#drop(oldest);
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

  /** Shows a session that is active at another node. False: it is known to have been entered elsewhere after that. */
  show(session: Session): boolean {
    const others = this.#byUser.of(session.user);
    if (others.some((other) => isSupersededBy(session, other))) return false;
    for (const other of others) if (isSupersededBy(other, session)) this.#drop(other);
    this.#byUser.add(session, undefined);
    this.#remote.add(session);
    this.#serving.set(fold(session.user), session);
    if (session.depotCapacity !== undefined) this.#depots.add(session);
    this.#makeLive(session);
    return true;
  }

  /** The node that it was at says, or shows by its silence, that it is not there any more. */
  hide(session: Session): void {
    if (session.node !== undefined && this.#remote.has(session)) this.#drop(session);
  }

  isActive(session: Session): boolean {
    if (session.node !== undefined) return this.#remote.has(session);
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
    if (!session.isServing || !this.#isUp(session)) return;
    this.#watcher?.session(session);
    this.#live.setDevice(session, true);
    this.#onLive(session);
  }

  setLibraryNotLive(session: Session): void {
    if (!session.isLibraryLive) return;
    session.isLibraryLive = false;
    this.#watcher?.session(session);
    this.#live.setDevice(session, false);
  }

  notePublished(session: Session, publicationIds: readonly string[]): void {
    if (!session.isServing) return;
    // With its whole library live they are so already: to note a million of them would take half a gibibyte.
    for (const id of session.isLibraryLive ? [] : publicationIds) {
      session.published.add(id);
      if (this.#isUp(session)) this.#live.add(id, session);
      this.#watcher?.holding(session, id);
    }
    this.#onLive(session);
  }

  noteWithdrawn(session: Session, publicationId: string): void {
    if (!session.published.delete(publicationId)) return;
    if (!session.holds.has(publicationId)) this.#live.remove(publicationId, session);
    this.#watcher?.holding(session, publicationId);
  }

  /** Something about it that others are told has changed. */
  noteChange(session: Session): void {
    this.#watcher?.session(session);
  }

  /** It is withdrawn, or has other content: who held it is no source of it any more. */
  clearSwarm(publicationId: string, from?: 'elsewhere'): void {
    if (from === undefined) this.#watcher?.cleared(publicationId, undefined);
    for (const session of [...(this.#holdersById.get(publicationId) ?? [])])
      if (session.depotCapacity === undefined) this.setHold(session, publicationId, undefined);
  }

  /** Whether a depot is a source of it now. */
  isStored(publicationId: string): boolean {
    const holders = this.#holdersById.get(publicationId);
    return holders?.values().some(({ depotCapacity }) => depotCapacity !== undefined) === true;
  }

  noteUnpublished(owner: string, publicationId: string, from?: 'elsewhere'): void {
    if (from === undefined) this.#watcher?.cleared(publicationId, owner);
    this.clearSwarm(publicationId, 'elsewhere');
    for (const session of this.sessionsOf(owner)) this.noteWithdrawn(session, publicationId);
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
      if (session.isServing && this.#isUp(session)) this.#live.add(publicationId, session);
    }
    if (holders.size === 0) this.#holdersById.delete(publicationId);
    else this.#holdersById.set(publicationId, holders);
    this.#watcher?.holding(session, publicationId);
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

  /** Ends one session; it still answers repeated requests for a moment. Those at other nodes are ended there. */
  end(session: Session, notice?: Notice): void {
    if (session.isEnded || session.node !== undefined) return;
    session.isEnded = true;
    this.#deactivate(session);
    if (this.#serving.get(fold(session.user)) === session) this.#serving.delete(fold(session.user));
    session.lastSeenAt = this.clock.monotonic();
    this.#idle.delete(session);
    this.#ended.add(session);
    if (notice !== undefined) session.outbox.post(notice);
  }

  sessionsOf(user: string): Session[] {
    return this.#byUser.of(user);
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
    this.#watcher?.session(session);
    if (capacity !== undefined) this.#depots.add(session);
    else if (this.#depots.delete(session))
      for (const id of [...session.holds.keys()]) this.setHold(session, id, undefined);
  }

  /** To all that are active; with `isOver` it is taken back from those who have not seen it. */
  broadcast(notice: Notice, { isOver = false } = {}): void {
    this.sweep();
    for (const { outbox } of this.#active) isOver ? outbox.takeBack(notice.event) : outbox.post(notice);
  }

  /** Devices of serving sessions that became inactive since the last call, and of active ones that were not taken lately. */
  takeSeen(): DeviceKey[] {
    this.sweep();
    const now = this.clock.monotonic();
    const due = [...this.#active].filter((session) => session.takeSeen(now));
    const gone = [...this.#gone.values()];
    this.#gone.clear();
    return [...gone, ...due].map(({ user, device }) => ({ user, device }));
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

  #isUp(session: Session): boolean {
    return this.#active.has(session) || this.#remote.has(session);
  }

  #activate(session: Session): void {
    session.activeSince = Math.floor(this.clock.now());
    if (!session.isServing) return;
    this.#servingCount += 1;
    this.#watcher?.session(session);
    this.#makeLive(session);
  }

  #makeLive(session: Session): void {
    if (session.isLibraryLive) this.#live.setDevice(session, true);
    for (const id of session.published) this.#live.add(id, session);
    for (const id of session.holds.keys()) this.#live.add(id, session);
    if (session.isLibraryLive || session.published.size > 0) this.#onLive(session);
  }

  #deactivate(session: Session): void {
    const wasRemote = this.#remote.delete(session);
    if (!this.#active.delete(session) && !wasRemote) return;
    if (!session.isServing) return;
    if (!wasRemote) this.#servingCount -= 1;
    this.#watcher?.session(session);
    const { user, device } = session;
    if (!wasRemote) this.#gone.set(`${user}/${device}`, { user, device });
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
    this.#byUser.remove(session);
    if (this.#sessions.get(session.name) === session) this.#sessions.delete(session.name);
    if (this.#serving.get(fold(session.user)) === session) this.#serving.delete(fold(session.user));
    for (const id of [...session.holds.keys()]) this.setHold(session, id, undefined);
    session.outbox.stop();
    this.#onDrop(session);
  }
}
