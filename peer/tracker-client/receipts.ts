/** What the tracker may forget: mutations whose outcome arrived, and events that arrived. They ride on whatever is sent next. */
import type { RequestType } from '../../common/protocol/messages.js';
import { MUTATIONS } from '../../common/protocol/messages.js';

/** Named by one request: more would not leave room in a datagram. */
const PER_REQUEST = 8;
/** Events of which it is known that they came. Attacker: who has a ticket may cause some, as long as this program runs. */
const MAX_REMEMBERED = 4_096;

export class Receipts {
  readonly #acks = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #everSeen = new Set<string>();

  /** The outcome of request `id` is here. */
  outcome(type: RequestType, id: string): void {
    if (MUTATIONS.has(type)) this.#acks.add(id);
  }

  /** False when the event came before: it was resent because our word of it got lost. */
  event(id: string): boolean {
    this.#seen.add(id);
    const isNew = !this.#everSeen.has(id);
    this.#everSeen.add(id);
    const [oldest] = this.#everSeen;
    if (this.#everSeen.size > MAX_REMEMBERED && oldest !== undefined) this.#everSeen.delete(oldest);
    return isNew;
  }

  /** Fields for the next request; call `delivered` with them once it is answered. */
  next(): { readonly acks?: readonly string[]; readonly seen?: readonly string[] } {
    const [acks, seen] = [turned(this.#acks), turned(this.#seen)];
    return { ...(acks.length > 0 ? { acks } : {}), ...(seen.length > 0 ? { seen } : {}) };
  }

  delivered({ acks = [], seen = [] }: ReturnType<Receipts['next']>): void {
    for (const id of acks) this.#acks.delete(id);
    for (const id of seen) this.#seen.delete(id);
  }
}

/** The first ones, which go behind the others: requests that are under way at once are to bring different ones. */
function turned(ids: Set<string>): string[] {
  const first = [...ids].slice(0, PER_REQUEST);
  for (const id of first) {
    ids.delete(id);
    ids.add(id);
  }
  return first;
}
