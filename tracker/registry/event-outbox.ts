import type { TrackerEvent } from '../../common/protocol/event-messages.js';
import { MAX_SAVED_SEARCHES, MEETING_LIFE_MS, RESEND_AFTER_MS } from '../../common/protocol/limits.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { newId } from '../ids.js';

type Kept = Exclude<TrackerEvent, { event: 'challenge' }>;
type WithoutId<E> = E extends Kept ? Omit<E, 'v' | 'eventId'> : never;
/** An event before it has its id. */
export type Notice = WithoutId<Kept>;

/** Takes an event to the peer; the same object for as long as nothing can get lost on it (a TCP connection). */
export interface EventLink {
  readonly isReliable: boolean;
  send(event: TrackerEvent): void;
}

/** After the last step of the schedule an event is sent again in this interval, as long as the session lasts. */
const LATER_MS = 5_000;
/** So many matches of one search wait to be seen; instead of more, one says that there are more. */
const MAX_WAITING_MATCHES = 8;
/** Of all searches: more are of those that were replaced by others since, and the oldest go. */
const MAX_WAITING_IN_ALL = MAX_SAVED_SEARCHES * MAX_WAITING_MATCHES;

interface Waiting {
  readonly event: Kept;
  /** Monotonic ms: from then on it is of no use. */
  readonly until: number;
  sentOver: EventLink | undefined;
}

function isReplaced(older: Kept, notice: Notice): boolean {
  // Each is somebody else's; their number is bounded by `Meetings`, and they do not last.
  if (notice.event === 'reach') return false;
  if (notice.event !== 'match' || older.event !== 'match') return older.event === notice.event;
  return older.search === notice.search;
}

/** Where events for a session are put. */
export type Outbox = Pick<EventOutbox, 'post' | 'seen' | 'takeBack' | 'flush' | 'stop'>;

/** The events that one session has not said to have `seen`; they are sent until it does. */
export class EventOutbox {
  readonly #waiting = new Map<string, Waiting>();
  #timer: Timer | undefined;
  #round = 0;

  constructor(
    private readonly clock: Clock,
    private readonly link: () => EventLink | undefined,
  ) {}

  /** A newer event of a kind takes the place of the older one: only the last matters. Of matches each does, up to a number. */
  post(notice: Notice): void {
    const older = [...this.#waiting.values()].map(({ event }) => event).filter((event) => isReplaced(event, notice));
    const isTooMany = notice.event === 'match' && older.length >= MAX_WAITING_MATCHES;
    if (notice.event !== 'match' || isTooMany) for (const { eventId } of older) this.#waiting.delete(eventId);
    const event = {
      v: 1,
      eventId: newId(),
      ...notice,
      ...(isTooMany ? { publicationIds: [], more: true } : {}),
    } as Kept;
    const until = notice.event === 'reach' ? this.clock.monotonic() + MEETING_LIFE_MS : Infinity;
    this.#waiting.set(event.eventId, { event, until, sentOver: undefined });
    if (notice.event === 'match') this.#dropOldMatches();
    this.#round = 0;
    this.flush();
  }

  seen(eventIds: readonly string[]): void {
    for (const id of eventIds) this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.stop();
  }

  /** It is not true any more: who has not seen it had better not. */
  takeBack(kind: Notice['event']): void {
    this.seen([...this.#waiting].filter(([, { event }]) => event.event === kind).map(([id]) => id));
  }

  /** Sends what waits over the link there is now; called again when the session has got another one. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const link = this.link();
    const now = this.clock.monotonic();
    for (const [id, { until }] of this.#waiting) if (until <= now) this.#waiting.delete(id);
    for (const waiting of this.#waiting.values()) {
      if (link === undefined || (link.isReliable && waiting.sentOver === link)) continue;
      waiting.sentOver = link;
      link.send(waiting.event);
    }
    if (this.#waiting.size > 0) this.#plan();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting.clear();
  }

  /** Attacker: who changes his searches, has something published that matches, and never says that he has seen it. */
  #dropOldMatches(): void {
    const matches = [...this.#waiting].filter(([, { event }]) => event.event === 'match');
    for (const [id] of matches.slice(0, -MAX_WAITING_IN_ALL)) this.#waiting.delete(id);
  }

  #plan(): void {
    const waitMs = RESEND_AFTER_MS[this.#round] ?? LATER_MS;
    this.#round += 1;
    this.#timer = this.clock.setTimer(() => this.flush(), waitMs);
    this.#timer.unref();
  }
}
