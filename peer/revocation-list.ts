/** The tracker's revocations as a source knows them; `TicketGate` asks it. See docs/protocol.md "revocations". */
import type { Ticket } from '../common/protocol/peer-messages.js';
import type { AbortOptions } from '../common/runtime/deadline.js';
import type { TrackerClient } from './tracker-client/tracker-client.js';

export class RevocationList {
  readonly #tracker: Pick<TrackerClient, 'request'>;
  readonly #onChange: () => void;
  /** Revoked at, ms since epoch by the tracker, by `kind:subject`. */
  readonly #revokedAt = new Map<string, number>();
  #knownEpoch = 0;
  #toldEpoch = 0;
  #fetching: Promise<void> | undefined;

  constructor(tracker: Pick<TrackerClient, 'request'>, onChange: () => void) {
    this.#tracker = tracker;
    this.#onChange = onChange;
  }

  isRevoked(ticket: Ticket): boolean {
    const keys = [
      `user:${ticket.user.toLowerCase()}`,
      `publication:${ticket.publicationId}`,
      `publication:${ticket.publicationId}:${ticket.user.toLowerCase()}`,
      `ticket:${ticket.ticketId}`,
    ];
    return keys.some((key) => ticket.issuedAt <= (this.#revokedAt.get(key) ?? -1));
  }

  /** The tracker has told of `epoch`. Fetches what is missing, in the background. */
  told(epoch: number, options: AbortOptions): void {
    this.#toldEpoch = Math.max(this.#toldEpoch, epoch);
    // Unreachable now: `ready` tries again before anything new is served.
    this.ready(options).catch(() => undefined);
  }

  /** Resolves when the list is as new as the newest epoch told. @throws {PeerError} when it cannot be fetched. */
  async ready({ signal }: AbortOptions): Promise<void> {
    while (this.#knownEpoch < this.#toldEpoch) {
      const others = this.#fetching;
      if (others === undefined) await this.#fetchOnce({ signal });
      // Another one's failure, such as a connection that closed, says nothing for us: then we try ourselves.
      else await others.catch(() => signal.throwIfAborted());
    }
  }

  #fetchOnce(options: AbortOptions): Promise<void> {
    this.#fetching = this.#fetch(options).finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch({ signal }: AbortOptions): Promise<void> {
    // Of a later one told meanwhile, these replies may know nothing; one that the tracker has lost since ends with them.
    const told = this.#toldEpoch;
    let cursor: string | undefined;
    do {
      const reply = await this.#tracker.request(
        'revocations',
        { since: this.#knownEpoch, ...(cursor === undefined ? {} : { cursor }) },
        { signal },
      );
      for (const { kind, subject, user, at } of reply.revocations) {
        const whose = user === undefined ? '' : `:${user.toLowerCase()}`;
        this.#add(`${kind}:${kind === 'user' ? subject.toLowerCase() : subject}${whose}`, at);
      }
      cursor = reply.cursor;
      if (cursor === undefined) this.#knownEpoch = Math.max(reply.epoch, told);
    } while (cursor !== undefined);
    this.#onChange();
  }

  #add(key: string, at: number): void {
    this.#revokedAt.set(key, Math.max(at, this.#revokedAt.get(key) ?? 0));
  }
}
