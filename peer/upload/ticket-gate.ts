import { ProtocolError } from '../../common/protocol/errors.js';
import type { Ticket } from '../../common/protocol/peer-messages.js';
import type { AbortOptions } from '../../common/runtime/deadline.js';
import { openTicket } from '../../common/wire/ticket.js';

export interface Revocations {
  isRevoked(ticket: Ticket): boolean;
  /** Resolves when the list is as new as the tracker's last word: a source that is behind accepts nothing new. */
  ready?(options: AbortOptions): Promise<void>;
}

export interface TicketGateOptions {
  /** The tracker's public key, SPKI DER. */
  readonly trackerSpki: Uint8Array;
  /** The tracker's time in ms since epoch: an offset plus a monotonic clock, so that nobody's wall clock decides. */
  readonly trackerNow: () => number;
  readonly revocations: Revocations;
}

/** Decides whether a device may fetch, without asking anybody: see docs/protocol.md "Ticket". */
export class TicketGate {
  constructor(private readonly options: TicketGateOptions) {}

  /** Waits until revocations are known up to now. */
  async ready(options: AbortOptions): Promise<void> {
    await this.options.revocations.ready?.(options);
  }

  /**
   * The ticket in `text`, when the tracker signed it for the device `clientPin` and it is good now.
   * @throws {ProtocolError} `bad-ticket`, `ticket-expired`, `ticket-revoked`.
   */
  check(text: string, clientPin: string): Ticket {
    const ticket = openTicket(text, Buffer.from(this.options.trackerSpki));
    // A ticket that was overheard or passed on is worth nothing on another device.
    if (ticket.device !== clientPin) throw new ProtocolError('bad-ticket');
    this.judge(ticket);
    return ticket;
  }

  /** Judges a ticket again that was good before. @throws {ProtocolError} `ticket-expired`, `ticket-revoked`. */
  judge(ticket: Ticket): void {
    if (this.options.trackerNow() >= ticket.notAfter) throw new ProtocolError('ticket-expired');
    if (this.options.revocations.isRevoked(ticket)) throw new ProtocolError('ticket-revoked');
  }
}
