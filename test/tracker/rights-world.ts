/** A tracker with its users over both transports, a source that judges tickets, and a count of the work that each request makes. */
import { expect } from 'chai';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { RevocationList } from '../../peer/revocation-list.js';
import { TicketGate } from '../../peer/upload/ticket-gate.js';
import { openSqliteStore } from '../../tracker/store/sqlite-store.js';
import type { Store } from '../../tracker/store/store.js';
import { waitFor } from '../support/wait-for.js';
import { type RawReply, type RawRequest, type RawUser, request, userOf } from './raw-messages.js';
import { type ModelPublication, OTHERS, OWNER, RightsModel, TEAM } from './rights-model.js';
import { QuickHasher, TestTracker } from './test-tracker.js';

export const TRANSPORTS = ['tcp', 'udp'] as const;
export type Transport = (typeof TRANSPORTS)[number];
export interface Client {
  ask(message: RawRequest): Promise<RawReply>;
}

/**
 * No two moments are the same: what happens one after the other must be told apart by its time. Durations pass at a hundredth: nobody falls
 * silent while the machine is busy with the checks.
 */
class StrictClock implements Clock {
  #last = 0;
  now(): number {
    this.#last = Math.max(this.#last + 1, Math.floor(systemClock.now()));
    return this.#last;
  }
  monotonic(): number {
    return systemClock.monotonic() / 100;
  }
  setTimer(...args: Parameters<Clock['setTimer']>): ReturnType<Clock['setTimer']> {
    return systemClock.setTimer(...args);
  }
}

export class RightsWorld implements AsyncDisposable {
  readonly model = new RightsModel();
  readonly #users = new Map<string, RawUser>([OWNER, ...OTHERS].map((user) => [user, userOf(user)]));
  readonly #clients = new Map<string, Client>();
  readonly #calls: string[] = [];
  readonly #hasher = new QuickHasher();
  readonly clock = new StrictClock();
  #revocations!: RevocationList;
  #gate!: TicketGate;
  isUp = true;
  #tracker!: TestTracker;

  static async open(): Promise<RightsWorld> {
    const world = new RightsWorld();
    world.#tracker = await TestTracker.start({
      users: [OWNER, ...OTHERS],
      clock: world.clock,
      hasher: world.#hasher,
      wrapStore: (store) => world.#counting(store),
    });
    await world.#tracker.store.addGroup(TEAM);
    const gateTracker = {
      request: async (type: string, body: object) =>
        (await world.client(OWNER, 'tcp').ask(request(type, body))) as never,
    };
    world.#revocations = new RevocationList(gateTracker as never, () => undefined);
    world.#gate = new TicketGate({
      trackerSpki: world.#tracker.identity.spki,
      trackerNow: () => world.clock.now(),
      revocations: world.#revocations,
    });
    for (const user of world.#users.keys()) await world.enter(user);
    return world;
  }

  client(user: string, transport: Transport): Client {
    const client = this.#clients.get(`${user} ${transport}`);
    if (client === undefined) throw new Error(`${user} has not logged in over ${transport}`);
    return client;
  }

  /** Logs in over both transports; only the owner serves. */
  async enter(user: string): Promise<void> {
    const raw = this.#users.get(user) ?? userOf(user);
    const { client: tcp, grant } = await this.#tracker.enterTcp(raw, { serving: user === OWNER });
    const { client: udp } = await this.#tracker.enterUdp(raw, { serving: false });
    this.#clients.set(`${user} tcp`, tcp).set(`${user} udp`, udp);
    if (user === OWNER) await tcp.ask(request('heartbeat', { libraryRevision: grant.libraryRevision }));
  }

  async publish(name: string, fileId: string): Promise<ModelPublication> {
    const entries = [{ name, fileId, size: 1_000, kind: 'file' }];
    const reply = await this.client(OWNER, 'tcp').ask(request('publish', { entries }));
    const publication: ModelPublication = {
      name,
      fileId,
      publicationId: reply['results'][0].publicationId,
      rights: 'public',
      passcode: undefined,
      unlocked: new Set(),
      downloads: undefined,
      counted: new Set(),
      isExpired: false,
    };
    this.model.publications.push(publication);
    return publication;
  }

  /** A mutation of the owner that must succeed. */
  async own(message: RawRequest): Promise<void> {
    const client = this.client(OWNER, 'tcp');
    const reply = await client.ask(message);
    expect(reply['results'][0], JSON.stringify(reply)).to.have.property('ok', true);
    await client.ask(request('heartbeat', { acks: [message.id] }));
  }

  /** What an administrator does, also while no tracker runs. */
  async admin(work: (store: Store, at: number) => Promise<unknown>): Promise<void> {
    if (this.isUp) {
      await work(this.#tracker.store, this.clock.now());
      return;
    }
    const store = await openSqliteStore({ path: this.#tracker.storePath, isTracker: false });
    await work(store, this.clock.now());
    await store.close();
  }

  async down(): Promise<void> {
    this.isUp = false;
    await this.#tracker.close();
  }

  async up(): Promise<void> {
    await this.#tracker.open();
    this.isUp = true;
    for (const user of this.#users.keys()) if (!this.model.disabled.has(user)) await this.enter(user);
  }

  /** Resolves when the tracker has ended the sessions of a user who was disabled. */
  async gone(user: string): Promise<void> {
    for (const transport of TRANSPORTS)
      await waitFor(async () => {
        const { error } = await this.client(user, transport).ask(request('heartbeat'));
        return error?.code === 'session-ended' || error?.code === 'not-logged-in';
      });
  }

  /** The source learns what the tracker has revoked. */
  async tellSource(): Promise<void> {
    const signal = new AbortController().signal;
    const { epoch } = await this.client(OWNER, 'tcp').ask(request('revocations', { since: Number.MAX_SAFE_INTEGER }));
    this.#revocations.told(epoch, { signal });
    await this.#revocations.ready({ signal });
  }

  /** What the source says to a ticket in the hands of its user: `ok` or a code. */
  judge(text: string, user: string): string {
    try {
      this.#gate.check(text, this.#users.get(user)?.device.pin ?? '');
      return 'ok';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  /** The reply without its id, and what it took: the store's calls in order, and password hashes. */
  async measured(client: Client, message: RawRequest): Promise<{ reply: string; work: string }> {
    this.#calls.length = 0;
    const hashed = this.#hasher.verified;
    const { id: _, ...reply } = await client.ask(message);
    const work = `${this.#calls.join(' ')}, ${this.#hasher.verified - hashed} hashes`;
    return { reply: JSON.stringify(reply), work };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isUp) await this.#tracker.open();
    await this.#tracker[Symbol.asyncDispose]();
  }

  /** Housekeeping, the audit and the end of sessions of who was disabled go on beside requests: none of it is one request's work. */
  #counting(store: Store): Store {
    const beside = new Set([
      'revocations',
      'expire',
      'recordSeen',
      'prune',
      'policy',
      'recordAudit',
      'findAccount',
      'sweepPaths',
      'addRelayed',
    ]);
    return new Proxy(store, {
      get: (target, name, receiver) => {
        const method: unknown = Reflect.get(target, name, receiver);
        if (typeof method !== 'function' || beside.has(String(name))) return method;
        return (...args: unknown[]) => {
          this.#calls.push(String(name));
          return (method as (...all: unknown[]) => unknown)(...args);
        };
      },
    });
  }
}
