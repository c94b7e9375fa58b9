/**
 * Pairs of peers that are about to meet. Attacker: one user who asks for meetings without end, so that sources dial and the tracker
 * remembers; each user, and each source, has a number of them within `MEETING_LIFE_MS`.
 */
import { ProtocolError } from '../../common/protocol/errors.js';
import { MAX_MEETINGS_ASKED, MAX_MEETINGS_OF_SOURCE, MEETING_LIFE_MS } from '../../common/protocol/limits.js';
import type { ReachWay } from '../../common/protocol/reach-fields.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Session } from './session.js';

export interface Meeting {
  readonly token: string;
  readonly by: ReachWay;
  readonly asker: Session;
  readonly source: Session;
  /** Monotonic ms. */
  readonly expiresAt: number;
}

export class Meetings {
  /** The oldest first, all of one life. */
  readonly #byToken = new Map<string, Meeting>();
  readonly #counts = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  /**
   * Undefined when this asker has begun just this meeting before.
   * @throws {ProtocolError} `id-reused` for a token of another meeting, `rate-limited`, `busy`.
   */
  begin(wish: Omit<Meeting, 'expiresAt'>): Meeting | undefined {
    this.#sweep();
    const { token, by, asker, source } = wish;
    const known = this.#byToken.get(token);
    if (known !== undefined) {
      if (known.asker === asker && known.source === source && known.by === by) return undefined;
      throw new ProtocolError('id-reused');
    }
    const [first] = this.#byToken.values();
    const retryAfterMs = Math.ceil((first?.expiresAt ?? 0) - this.clock.monotonic());
    const [asked, wanted] = keysOf(wish);
    if (this.#countOf(asked) >= MAX_MEETINGS_ASKED)
      throw new ProtocolError('rate-limited', undefined, { retryAfterMs });
    if (this.#countOf(wanted) >= MAX_MEETINGS_OF_SOURCE) throw new ProtocolError('busy', undefined, { retryAfterMs });
    const meeting = { ...wish, expiresAt: this.clock.monotonic() + MEETING_LIFE_MS };
    this.#byToken.set(token, meeting);
    for (const key of [asked, wanted]) this.#counts.set(key, this.#countOf(key) + 1);
    return meeting;
  }

  /** The meeting of `token` at the relay, for one of the two; undefined for everybody else. */
  atRelay(token: string, session: Session): Meeting | undefined {
    this.#sweep();
    const meeting = this.#byToken.get(token);
    if (meeting?.by !== 'relay' || (meeting.asker !== session && meeting.source !== session)) return undefined;
    return meeting;
  }

  #sweep(): void {
    const now = this.clock.monotonic();
    for (const meeting of this.#byToken.values()) {
      if (meeting.expiresAt > now) return;
      this.#byToken.delete(meeting.token);
      for (const key of keysOf(meeting)) this.#release(key);
    }
  }

  #release(key: string): void {
    const left = this.#countOf(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }

  #countOf(key: string): number {
    return this.#counts.get(key) ?? 0;
  }
}

function keysOf({ asker, source }: Pick<Meeting, 'asker' | 'source'>): [string, string] {
  return [`asked by ${asker.user.toLowerCase()}`, `of ${source.name}`];
}
