/**
 * What a source does when the tracker says that somebody cannot dial it: it dials him, or meets him at the relay, and then answers
 * what he asks for as on any other connection. Whether he may have it his ticket says.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import type { RelayHello } from '../../common/protocol/reach-fields.js';
import type { Clock } from '../../common/runtime/clock.js';
import { type AbortOptions, withDeadline } from '../../common/runtime/deadline.js';
import type { Part } from '../../common/runtime/lifecycle.js';
import type { Identity } from '../../common/wire/identity.js';
import { type Dial, raceAddresses } from '../download/race-addresses.js';
import { FIRST_LINE_DEADLINE_MS } from '../file-port/file-port.js';
import type { PeerConnection } from '../file-port/peer-connection.js';
import { dialable } from './addresses.js';
import type { RelayPlace } from './relay-line.js';
import { acceptRelayed } from './relayed.js';

/** From the tracker's word to the connection, ms. The other does not wait longer. */
const ANSWER_DEADLINE_MS = 6_000;
/** Connections of this kind at once, and of one user: as many as four downloads of each of his devices need. */
const MAX_ANSWERED = 256;
const MAX_PER_USER = 16;

export type ReachEvent = Extract<TrackerEvent, { event: 'reach' }>;

export interface ReachAnswersOptions {
  readonly identity: Identity;
  readonly clock: Clock;
  readonly dial: Dial;
  /** That of the node where our session is. */
  readonly relay: () => RelayPlace;
  readonly relayHello: (token: string) => Omit<RelayHello, 'v'>;
  /** Where the tracker sees us. */
  readonly observedHost: () => string;
  /** Answers what the other end requests. */
  readonly serve: (connection: PeerConnection) => void;
}

export class ReachAnswers implements Part {
  readonly #options: ReachAnswersOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #openByUser = new Map<string, number>();
  #open = 0;

  constructor(options: ReachAnswersOptions) {
    this.#options = options;
  }

  told(event: ReachEvent): void {
    const ofUser = this.#openByUser.get(event.user) ?? 0;
    if (this.#stopping.signal.aborted || this.#open >= MAX_ANSWERED || ofUser >= MAX_PER_USER) return;
    this.#count(event.user, 1);
    const running = this.#answer(event)
      // Whoever waits says what went wrong; here nobody does.
      .catch(() => this.#count(event.user, -1))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the peer is ending'));
    await Promise.allSettled(this.#running);
  }

  async #answer(event: ReachEvent): Promise<void> {
    using deadline = withDeadline(this.#stopping.signal, ANSWER_DEADLINE_MS, this.#options.clock);
    await nextTurn(); // it may come in one piece with the reply that brings the session's new key
    const connection = await (event.by === 'back' ? this.#dialBack(event, deadline) : this.#meet(event, deadline));
    connection.onClose(() => this.#count(event.user, -1));
    this.#options.serve(connection);
    if (event.by === 'back') connection.send({ type: 'back', token: event.token });
  }

  #dialBack({ addresses, device: pin }: ReachEvent, { signal }: AbortOptions): Promise<PeerConnection> {
    const { dial, clock, observedHost } = this.#options;
    return raceAddresses(dialable(addresses, observedHost()), { pin, dial, clock, signal });
  }

  #meet({ token, device: pin }: ReachEvent, { signal }: AbortOptions): Promise<PeerConnection> {
    const { identity, clock, relay, relayHello } = this.#options;
    const hello = relayHello(token);
    const firstLineDeadlineMs = FIRST_LINE_DEADLINE_MS;
    return acceptRelayed({ place: relay(), hello, pin, identity, clock, firstLineDeadlineMs }, { signal });
  }

  #count(user: string, change: 1 | -1): void {
    this.#open += change;
    const open = (this.#openByUser.get(user) ?? 0) + change;
    if (open === 0) this.#openByUser.delete(user);
    else this.#openByUser.set(user, open);
  }
}
