/**
 * This node among the others of one tracker: five times a second, and at once when there are messages, it writes what has changed
 * here and reads what has changed there. Its neighbours are the registry, which it watches and in which it shows who is elsewhere, and
 * `NodeStore`. Where there is one node alone, `ALONE` stands in its place.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Log } from '../../common/runtime/log.js';
import { RepeatingTask } from '../../common/runtime/repeating-task.js';
import type { Address } from '../carrier.js';
import { newId } from '../ids.js';
import type { Matches, NewPublication } from '../registry/matches.js';
import type { Registry } from '../registry/registry.js';
import type { Session } from '../registry/session.js';
import type { Heard, NodeNews, NodeStore, OwnNews } from '../store/node-store.js';
import { Announcer } from './announcer.js';
import { CutOff } from './cut-off.js';
import type { NodeMessage } from './message.js';
import { Mirror } from './mirror.js';
import { UnaskedNews } from './unasked-news.js';

const ROUND_MS = 200;
/** Between two rounds that somebody waits for: what comes meanwhile shares the next one. */
const HURRIED_MS = 20;
/** A node says that it lives so often, also when nothing changes. */
const BEAT_MS = 1_000;
/** What is gone is remembered so long for others, ms: longer than their lease. */
const PURGE_AFTER_MS = 30_000;
/** Publications of one message. */
const MESSAGE_PUBLICATIONS = 100;
const MOST_NODES_TOLD = 16;

/** What handlers need of it. */
export interface OtherNodes {
  /** The serving slot of a user, before a session takes it here. @throws {ProtocolError} `already-active` while one elsewhere has it. */
  claim(user: string, session: string): Promise<number>;
  /** It was claimed in vain. */
  free(user: string): void;
  /** Somebody elsewhere has saved searches. */
  readonly hasSearches: boolean;
  /** Saved searches elsewhere may wait for these. */
  published(publications: readonly NewPublication[]): void;
}

export const ALONE: OtherNodes = {
  claim: async () => 0,
  free: () => undefined,
  hasSearches: false,
  published: () => undefined,
};

export interface NodePlace {
  readonly registry: Registry;
  readonly matches: Matches;
  readonly clock: Clock;
  readonly log: Log;
  /** Where peers find this node; undefined: nobody knows. */
  readonly own: Address | undefined;
  /** Fingerprints of what all nodes share. */
  readonly keys: Readonly<Record<string, string>>;
  /** That of all nodes: 64 hex digits. */
  readonly pin: string;
  /** Told where peers find nodes, this one first, whenever it changes. */
  onNodes(nodes: readonly Address[]): void;
  /** Told after every try to reach the others through the store. */
  onRound(hasWorked: boolean): void;
  /** Told when peers should be at another node, as this one has lost the store, and when it is back. */
  onCutOff(isCutOff: boolean): void;
}

export class NodeGroup implements OtherNodes, Part {
  readonly #announcer: Announcer;
  readonly #mirror: Mirror;
  readonly #task: RepeatingTask;
  readonly #cutOff: CutOff;
  #others: readonly Address[] = [];
  readonly #heard = new Map<string, Heard>();
  /** Version and when it was told, the first one first. */
  #versions: { readonly version: number; readonly toldAt: number }[] = [];
  #node = newId();
  #hasJoined = false;
  #version = 0;
  #message = 0;
  #toldAt = 0;
  /** Told, but whether it has arrived is not known. */
  #pending: OwnNews | undefined;
  #othersSearch = false;
  #toldSearches = false;
  readonly #unasked: UnaskedNews;
  #nodesText = '';
  #isAway = false;

  constructor(
    private readonly store: NodeStore,
    private readonly place: NodePlace,
  ) {
    const { registry, clock } = place;
    this.#unasked = new UnaskedNews(clock);
    this.#announcer = new Announcer(registry, () => this.hurry());
    this.#mirror = new Mirror(place, (session) => ({
      post: (notice) => this.#announcer.post({ kind: 'event', session, notice }),
      seen: () => undefined,
      takeBack: () => undefined,
      flush: () => undefined,
      stop: () => undefined,
    }));
    registry.watcher = this.#announcer;
    this.#cutOff = new CutOff(place);
    this.#task = new RepeatingTask((options) => this.#tryRound(options), {
      intervalMs: ROUND_MS,
      hurriedMs: HURRIED_MS,
      clock,
      onError: (error) => this.#noteAway(error),
    });
  }

  /** @throws {StoreError} `other-keys`. */
  async start(): Promise<void> {
    await this.#join();
    await this.#round();
    this.#task.start();
  }

  /** Others have something to say. `from` is the node that does, where that is known: what is told here wakes the others. */
  hurry(from?: string): void {
    if (from !== this.#node) this.#task.hurry();
  }

  /** Others know at once that its peers are gone. */
  async stop(): Promise<void> {
    await this.#task.stop();
    if (this.#hasJoined) await this.store.leave(this.#node).catch(() => undefined); // its lease ends by itself
  }

  async claim(user: string, session: string): Promise<number> {
    const claimed = await this.store.claim({ user, session, node: this.#node }).catch((error: unknown) => {
      this.free(user); // it may have been taken before the connection was lost
      throw error;
    });
    if (claimed === undefined) throw new ProtocolError('already-active');
    return claimed;
  }

  free(user: string): void {
    this.#announcer.free(user);
  }

  get hasSearches(): boolean {
    return this.#othersSearch;
  }

  published(publications: readonly NewPublication[]): void {
    if (this.#othersSearch) this.#tellPublished(publications);
    else this.#unasked.add(publications);
  }

  #tellPublished(publications: readonly NewPublication[]): void {
    for (let first = 0; first < publications.length; first += MESSAGE_PUBLICATIONS)
      this.#announcer.post({
        kind: 'published',
        publications: publications.slice(first, first + MESSAGE_PUBLICATIONS),
      });
  }

  async #tryRound({ signal }: AbortOptions): Promise<void> {
    try {
      await this.#round();
      if (this.#isAway) this.place.log.write('warn', 'the other nodes are reached through the store again');
      this.#isAway = false;
      this.#cutOff.reached();
    } catch (error) {
      await this.#cutOff.missed(this.#others, { signal });
      throw error;
    }
  }

  /** Once for each time: five rounds a second would fill the disk with it. */
  #noteAway(error: unknown): void {
    if (!this.#isAway) this.place.log.write('warn', 'the other nodes cannot be reached through the store', { error });
    this.#isAway = true;
  }

  async #round(): Promise<void> {
    const isNew = !this.#hasJoined;
    if (isNew) await this.#join();
    await this.#tell();
    this.#hear(await this.store.hear(this.#node, this.#heard));
    if (isNew) await this.#claimAnew();
  }

  /**
   * The slots of sessions here were taken under another name, or are lost. Who is somewhere else by now was just heard. All at once: one
   * after the other thousands would take longer than the lease, as nothing is told meanwhile.
   */
  async #claimAnew(): Promise<void> {
    const here = this.place.registry.peers().filter(({ node }) => node === undefined);
    const claim = async (session: Session): Promise<void> => {
      const { user, name } = session;
      session.claimed = (await this.store.claim({ user, session: name, node: this.#node })) ?? session.claimed;
      this.place.registry.noteChange(session);
    };
    await Promise.all(here.map(claim));
  }

  async #join(): Promise<void> {
    const { own, keys } = this.place;
    await this.store.join({ node: this.#node, host: own?.host, port: own?.port ?? 0 }, keys);
    this.#hasJoined = true;
  }

  async #tell(): Promise<void> {
    const { clock } = this.place;
    this.place.registry.sweep();
    const news = this.#pending ?? this.#gather();
    if (news === undefined) return;
    this.#pending = news;
    const isKnown = await this.store.tell(this.#node, news);
    this.#pending = undefined;
    this.#toldAt = clock.monotonic();
    if (isKnown) {
      this.#versions.push({ version: news.version, toldAt: this.#toldAt });
      return;
    }
    // Others took it for dead, or the server has crashed: under a new name everything is told anew.
    this.#node = newId();
    this.#hasJoined = false;
    this.#version = 0;
    this.#message = 0;
    this.#versions = [];
    this.#announcer.forget();
  }

  /** Undefined: there is nothing to say, and it was said a moment ago that this node lives. */
  #gather(): OwnNews | undefined {
    const { clock, matches } = this.place;
    const gathered = this.#announcer.take();
    const { sessions, holds, messages, freed } = gathered;
    const isNews = sessions.length + holds.length + messages.length + freed.length > 0;
    const hasSearches = !matches.isEmpty;
    if (!isNews && hasSearches === this.#toldSearches && clock.monotonic() - this.#toldAt < BEAT_MS) return undefined;
    if (isNews) this.#version += 1;
    this.#toldSearches = hasSearches;
    const message = this.#message;
    this.#message += messages.length;
    return { ...gathered, version: this.#version, message, hasSearches, purge: this.#purgeable() };
  }

  #purgeable(): number {
    const before = this.place.clock.monotonic() - PURGE_AFTER_MS;
    const old = this.#versions.findLastIndex(({ toldAt }) => toldAt < before);
    const version = this.#versions[old]?.version ?? 0;
    this.#versions.splice(0, old + 1);
    return version;
  }

  #hear(news: readonly NodeNews[]): void {
    this.#mirror.apply(news);
    this.#heard.clear();
    for (const { node, version, message } of news) this.#heard.set(node, { version, message });
    this.#othersSearch = news.some(({ hasSearches }) => hasSearches);
    if (this.#othersSearch) this.#tellPublished(this.#unasked.take());
    for (const { messages } of news) for (const text of messages) this.#take(JSON.parse(text) as NodeMessage);
    this.#noteNodes(news);
  }

  #take(message: NodeMessage): void {
    const { registry, matches } = this.place;
    switch (message.kind) {
      case 'event':
        registry.find(message.session)?.outbox.post(message.notice);
        return;
      case 'cleared':
        if (message.owner === undefined) registry.clearSwarm(message.publicationId, 'elsewhere');
        else registry.noteUnpublished(message.owner, message.publicationId, 'elsewhere');
        return;
      case 'published':
        void matches.published(message.publications);
    }
  }

  #noteNodes(news: readonly NodeNews[]): void {
    const { own } = this.place;
    const others = news.flatMap(({ host, port }) => (host === undefined ? [] : [{ host, port }]));
    this.#others = others;
    const nodes = own === undefined ? others : [own, ...others];
    const text = JSON.stringify(nodes);
    if (text === this.#nodesText) return;
    this.#nodesText = text;
    this.place.onNodes(nodes.slice(0, MOST_NODES_TOLD));
  }
}
