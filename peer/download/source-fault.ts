import { ProtocolError } from '../../common/protocol/errors.js';
import { PinMismatchError } from '../../common/wire/pinned-tls.js';
import type { PeerProblem } from '../api.js';

/**
 * Why a source was dropped. `lied`: its bytes or lines are not what they must be. `slow`: below the minimum while another is there.
 * `changed`, `gone`: what it published is not on its disk any more. `lacking`: it does not hold the content, which may come.
 * `checking`: its file was touched, and it reads it again. `refused`: it does not accept us. `expired`: only the ticket is at fault. `left`: it said goodbye.
 */
export type FaultKind =
  | 'unreachable'
  | 'closed'
  | 'stalled'
  | 'slow'
  | 'lied'
  | 'changed'
  | 'gone'
  | 'lacking'
  | 'checking'
  | 'refused'
  | 'expired'
  | 'busy'
  | 'left';

/** A source failed; the download goes on with others, or waits for it. */
export class SourceFault extends Error {
  override readonly name = 'SourceFault';
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly kind: FaultKind,
    message: string,
    options?: ErrorOptions & { readonly retryAfterMs?: number | undefined },
  ) {
    super(message, options);
    this.retryAfterMs = options?.retryAfterMs;
  }

  get problem(): PeerProblem {
    return { code: CODES[this.kind], message: this.message };
  }
}

const CODES: Record<FaultKind, PeerProblem['code']> = {
  unreachable: 'no-source',
  closed: 'no-source',
  stalled: 'no-source',
  slow: 'no-source',
  lied: 'integrity',
  changed: 'changed',
  gone: 'changed',
  lacking: 'changed',
  checking: 'no-source',
  refused: 'not-allowed',
  expired: 'not-allowed',
  busy: 'no-source',
  left: 'no-source',
};

/** It has not the content that is wanted, and something else, or nothing, in its place. */
export function isWithoutContent({ kind }: SourceFault): boolean {
  return kind === 'changed' || kind === 'gone' || kind === 'lacking';
}

/** The fault behind an error that ended a connection. */
export function closedFault(error: Error | undefined): SourceFault {
  if (error instanceof SourceFault) return error;
  // Only a source that breaks the protocol makes us throw this while reading.
  if (error instanceof ProtocolError)
    return new SourceFault('lied', `broke the protocol: ${error.message}`, { cause: error });
  return new SourceFault('closed', 'closed the connection', { cause: error });
}

export function dialFault(error: unknown): SourceFault {
  if (error instanceof SourceFault) return error;
  if (error instanceof PinMismatchError)
    return new SourceFault('unreachable', 'another device answers at its address', { cause: error });
  return new SourceFault('unreachable', 'cannot be reached', { cause: error });
}

/** What a source answered to a request of ours. */
export function answerFault(error: ProtocolError): SourceFault {
  const { code, retryAfterMs } = error;
  switch (code) {
    case 'changed':
      return new SourceFault('changed', 'says that the file has changed', { cause: error });
    case 'checking':
      return new SourceFault('checking', 'reads the file again, which was touched', { cause: error, retryAfterMs });
    case 'gone':
      return new SourceFault('gone', 'says that the file is gone or cannot be read', { cause: error });
    case 'ticket-expired':
      return new SourceFault('expired', 'says that the ticket has expired', { cause: error });
    case 'bad-ticket':
    case 'ticket-revoked':
    case 'not-allowed':
      return new SourceFault('refused', 'does not accept the ticket', { cause: error });
    case 'not-found':
      return new SourceFault('lacking', 'does not have the file any more', { cause: error });
    case 'shutting-down':
      return new SourceFault('left', 'is leaving', { cause: error });
    case 'bad-message':
      return new SourceFault('lied', 'broke the protocol', { cause: error });
    default:
      return new SourceFault('busy', 'cannot send now', { cause: error, retryAfterMs });
  }
}
