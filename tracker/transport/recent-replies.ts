/**
 * Datagrams that were answered a moment ago, with their replies. When thousands come back at once, they send again what still waits to be
 * read: nearly every second `resume` is a copy then. To open, parse and judge it once more costs as much as another peer's. Attacker: who
 * plays a datagram back gets the very bytes that went to the same address before, and changes nothing by it.
 */
import { hash } from 'node:crypto';
import { RESEND_AFTER_MS } from '../../common/protocol/limits.js';
import type { Clock } from '../../common/runtime/clock.js';

/** A peer sends its last copy before this; what comes later is judged as if it were new. */
export const REMEMBERED_MS = RESEND_AFTER_MS.reduce((sum, ms) => sum + ms, 0);
/** With replies of a datagram each some 10 MiB. Beyond it the oldest go. */
export const MAX_REPLIES = 8_192;

interface Answered {
  readonly at: number;
  /** Absent while it is worked on. */
  reply?: Buffer;
}

export class RecentReplies {
  /** The oldest first. */
  readonly #answers = new Map<string, Answered>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  /** What to send for a copy of a datagram that `begin` was called for; 'pending' while its reply is not there yet. */
  find(datagram: Buffer): Buffer | 'pending' | undefined {
    const known = this.#answers.get(keyOf(datagram));
    if (known === undefined || known.at <= this.clock.monotonic() - REMEMBERED_MS) return undefined;
    return known.reply ?? 'pending';
  }

  /** Call the result with the reply, or without one when there will be none. */
  begin(datagram: Buffer): (reply: Buffer | undefined) => void {
    const key = keyOf(datagram);
    const answered: Answered = { at: this.clock.monotonic() };
    this.#answers.delete(key);
    this.#answers.set(key, answered);
    this.#forgetOld();
    return (reply) => {
      if (reply !== undefined) answered.reply = reply;
      else if (this.#answers.get(key) === answered) this.#answers.delete(key);
    };
  }

  #forgetOld(): void {
    const before = this.clock.monotonic() - REMEMBERED_MS;
    for (const [key, { at }] of this.#answers) {
      if (at > before && this.#answers.size <= MAX_REPLIES) return;
      this.#answers.delete(key);
    }
  }
}

function keyOf(datagram: Buffer): string {
  return hash('sha256', datagram, 'base64');
}
