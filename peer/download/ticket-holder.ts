import { fromBase64url } from '../../common/protocol/base64url.js';
import { parseTicket } from '../../common/protocol/parse.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import type { HeldTicket } from './source-session.js';

/** The ticket of one download and when it should be renewed: at half of its life, by a clock that does not jump. */
export class TicketHolder {
  #ticket: HeldTicket | undefined;
  #renewAt = 0;

  constructor(private readonly clock: Clock = systemClock) {}

  get ticket(): HeldTicket | undefined {
    return this.#ticket;
  }

  get needsNew(): boolean {
    return this.#ticket === undefined || this.clock.monotonic() >= this.#renewAt;
  }

  /** A source said that it has run out. */
  expire(): void {
    this.#renewAt = 0;
  }

  /** Takes the tracker's ticket; only sources can judge it. @throws {ProtocolError} `bad-message` when it is none. */
  take(text: string): HeldTicket {
    const { ticketId, issuedAt, notAfter } = parseTicket(fromBase64url(text.slice(0, text.indexOf('.'))));
    this.#renewAt = this.clock.monotonic() + (notAfter - issuedAt) / 2;
    this.#ticket = { text, ticketId };
    return this.#ticket;
  }
}
