/** Why a way to a source did not lead there, in words. */
import { type ErrorCode, ProtocolError } from '../../common/protocol/errors.js';
import { PeerError } from '../api.js';
import type { Via } from '../download/connector.js';
import { RelayRefusal } from './relay-line.js';

const TEXTS: Record<Via, string> = {
  direct: 'no address of it answers',
  'dialled back': 'it did not dial back',
  relayed: 'it did not come to the relay',
};

const TEXT_OF_CODE: Partial<Record<ErrorCode, string>> = {
  'no-relay': 'the tracker relays nothing for you',
  'relay-quota': 'what the tracker relays for you in a day is used up',
  'rate-limited': 'the tracker was asked too often',
  busy: 'the tracker relays as much as it can already',
  'not-found': 'it is not online with this any more',
};

const FORWARD = 'one of you can forward a port, see --port and --advertise';

/** Of one way: `no address of it answers`. */
export function wayProblem(via: Via, error: unknown): string {
  const code = codeOf(error);
  if (error instanceof PeerError && error.code === 'tracker-unreachable')
    return 'the tracker, which could help, does not answer';
  if (via === 'dialled back' && code === 'unreachable') return 'it cannot dial you either';
  return (code === undefined ? undefined : TEXT_OF_CODE[code]) ?? TEXTS[via];
}

/** What a person can do about it, by the last thing that was tried. */
export function whatToDo(error: unknown): string {
  switch (codeOf(error)) {
    case 'no-relay':
      return `${FORWARD}, or the tracker's administrator can raise relayBytes`;
    case 'relay-quota':
      return `it goes on tomorrow; or ${FORWARD}`;
    default:
      return `it is tried again; or ${FORWARD}`;
  }
}

/** What the tracker or its relay said. */
function codeOf(error: unknown): ErrorCode | undefined {
  if (error instanceof RelayRefusal) return error.code as ErrorCode;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof ProtocolError ? cause.code : undefined;
}
