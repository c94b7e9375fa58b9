/**
 * The tickets of one download, one for each publication of its content, and when they should be renewed: at half of their life, by a
 * clock that does not jump. Only sources can judge a ticket.
 */
import { fromBase64url } from '../../common/protocol/base64url.js';
import { parseTicket } from '../../common/protocol/parse.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import type { HeldTicket, SourcesOfPublication } from './download-tracker.js';

interface Held extends HeldTicket {
  readonly renewAt: number;
}

interface Offered {
  readonly publicationId?: string | undefined;
}

export class DownloadTickets {
  readonly #heldByPublication = new Map<string, Held>();
  readonly #own: string;
  readonly #clock: Clock;

  /** `own` is the publication that the download was asked for. */
  constructor(own: string, clock: Clock = systemClock) {
    this.#own = own;
    this.#clock = clock;
  }

  publicationOf({ publicationId }: Offered): string {
    return publicationId ?? this.#own;
  }

  for(source: Offered): HeldTicket | undefined {
    return this.#heldByPublication.get(this.publicationOf(source));
  }

  /** Whether the tracker should be asked for tickets: none yet, one at half of its life, or a source without one. */
  needsNew(sources: readonly Offered[]): boolean {
    const held = [...this.#heldByPublication.values()];
    const now = this.#clock.monotonic();
    return (
      held.length === 0 ||
      held.some(({ renewAt }) => now >= renewAt) ||
      sources.some((source) => this.for(source) === undefined)
    );
  }

  /** A source said that its ticket has run out. */
  expire(): void {
    for (const [publicationId, held] of this.#heldByPublication)
      this.#heldByPublication.set(publicationId, { ...held, renewAt: 0 });
  }

  /** Takes the tickets of a reply; returns the publications that got a new one. @throws {ProtocolError} `bad-message` when one is none. */
  take({ ticket, sources }: SourcesOfPublication): string[] {
    const texts = new Map<string, string>();
    for (const source of sources) if (source.ticket !== undefined) texts.set(this.publicationOf(source), source.ticket);
    if (ticket !== undefined && !texts.has(this.#own)) texts.set(this.#own, ticket);
    for (const [publicationId, text] of texts) this.#heldByPublication.set(publicationId, this.#held(text));
    return [...texts.keys()];
  }

  #held(text: string): Held {
    const { ticketId, issuedAt, notAfter } = parseTicket(fromBase64url(text.slice(0, text.indexOf('.'))));
    return { text, ticketId, renewAt: this.#clock.monotonic() + (notAfter - issuedAt) / 2 };
  }
}
